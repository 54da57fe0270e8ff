//! What is asked of a container, by a probe or a hook.

use k8s_openapi::api::core::v1::{Container, ExecAction, HTTPGetAction, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use thiserror::Error;

/// How an HTTP server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// By TLS; the certificate is not checked.
    Https,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Run a command in the container.
    Exec {
        /// The program and its arguments.
        command: Vec<String>,
    },
    /// Send a GET request.
    Http {
        /// How.
        scheme: Scheme,
        /// Where to; the Pod's address where none is named.
        host: Option<String>,
        /// The port.
        port: u16,
        /// The path, with its query; it starts with a slash.
        path: String,
        /// Headers beyond the usual ones.
        headers: Vec<(String, String)>,
    },
    /// Open a connection.
    Tcp {
        /// Where to; the Pod's address where none is named.
        host: Option<String>,
        /// The port.
        port: u16,
    },
}

/// A check that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckError {
    /// It names a port that the container does not have.
    #[error("container {container:?} has no port named {port:?}")]
    NamedPort {
        /// The container.
        container: String,
        /// The name.
        port: String,
    },
    /// Its port is no port.
    #[error("port {0} is not between 1 and 65535")]
    Port(i32),
    /// The scheme is unknown.
    #[error("scheme {0:?} is neither HTTP nor HTTPS")]
    Scheme(String),
    /// The command is empty.
    #[error("the command to run is empty")]
    EmptyCommand,
}

impl Check {
    /// Reads a command.
    pub fn exec(action: &ExecAction) -> Result<Self, CheckError> {
        match action.command.as_deref() {
            None | Some([]) => Err(CheckError::EmptyCommand),
            Some(command) => Ok(Self::Exec { command: command.to_vec() }),
        }
    }

    /// Reads an HTTP request of a container.
    pub fn http(action: &HTTPGetAction, container: &Container) -> Result<Self, CheckError> {
        let scheme = match action.scheme.as_deref() {
            None | Some("" | "HTTP") => Scheme::Http,
            Some("HTTPS") => Scheme::Https,
            Some(other) => return Err(CheckError::Scheme(other.to_owned())),
        };
        let path = action.path.as_deref().unwrap_or("/");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let headers = action.http_headers.iter().flatten();
        Ok(Self::Http {
            scheme,
            host: named(action.host.as_ref()),
            port: resolve_port(&action.port, container)?,
            path,
            headers: headers.map(|header| (header.name.clone(), header.value.clone())).collect(),
        })
    }

    /// Reads a connection to a container.
    pub fn tcp(action: &TCPSocketAction, container: &Container) -> Result<Self, CheckError> {
        let port = resolve_port(&action.port, container)?;
        Ok(Self::Tcp { host: named(action.host.as_ref()), port })
    }
}

/// Returns the host of a check, or the Pod's address.
pub fn host_or<'a>(host: Option<&'a String>, pod_ip: &'a str) -> &'a str {
    host.map_or(pod_ip, String::as_str)
}

fn named(host: Option<&String>) -> Option<String> {
    host.filter(|host| !host.is_empty()).cloned()
}

/// Finds the number of a port that is a number or the name of a port of the container.
pub fn resolve_port(port: &IntOrString, container: &Container) -> Result<u16, CheckError> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            let found = ports.find(|port| port.name.as_ref() == Some(name));
            match (found, name.parse()) {
                (Some(port), _) => port.container_port,
                (None, Ok(number)) => number,
                (None, Err(_)) => {
                    let (container, port) = (container.name.clone(), name.clone());
                    return Err(CheckError::NamedPort { container, port });
                }
            }
        }
    };
    u16::try_from(number).ok().filter(|port| *port > 0).ok_or(CheckError::Port(number))
}
