//! The host name of a Pod, and its hosts file.

use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{HostAlias, Pod, PodSpec};
use thiserror::Error;

/// The longest host name the kernel takes.
const KERNEL_MAX: usize = 64;
/// The longest label of DNS.
const LABEL_MAX: usize = 63;

/// The names of a Pod's host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNames {
    /// What the kernel is told.
    pub kernel: String,
    /// The first label.
    pub hostname: String,
    /// The domain, if the Pod has a subdomain.
    pub domain: Option<String>,
}

/// A host name that cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HostNamesError {
    /// The full name is too long for the kernel.
    #[error(
        "Failed to construct FQDN from Pod hostname and cluster domain, FQDN {name} is too long ({KERNEL_MAX} \
         characters is the max, {length} characters requested)"
    )]
    TooLong {
        /// The full name.
        name: String,
        /// Its length.
        length: usize,
    },
}

impl HostNames {
    /// Derives the names of a Pod. A Pod on the network of its host has that one's name.
    pub fn of(pod: &Pod, cluster_domain: &str, node: &str) -> Result<Self, HostNamesError> {
        let default = PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&default);
        if let Some(name) = filled(spec.hostname_override.as_ref()) {
            return Ok(Self { kernel: name.to_owned(), hostname: name.to_owned(), domain: None });
        }
        if spec.host_network == Some(true) {
            return Ok(Self { kernel: node.to_owned(), hostname: node.to_owned(), domain: None });
        }
        let name = filled(spec.hostname.as_ref()).or(pod.metadata.name.as_deref()).unwrap_or_default();
        let hostname = label(name);
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let subdomain = filled(spec.subdomain.as_ref());
        let domain = subdomain.map(|subdomain| format!("{subdomain}.{namespace}.svc.{cluster_domain}"));
        let kernel = match &domain {
            Some(domain) if spec.set_hostname_as_fqdn == Some(true) => format!("{hostname}.{domain}"),
            Some(_) | None => hostname.clone(),
        };
        if kernel.len() > KERNEL_MAX {
            let length = kernel.len();
            return Err(HostNamesError::TooLong { name: kernel, length });
        }
        Ok(Self { kernel, hostname, domain })
    }
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// Cuts a name to the length of a label.
fn label(name: &str) -> String {
    let cut = &name[..name.floor_char_boundary(LABEL_MAX)];
    cut.trim_end_matches(['-', '.']).to_owned()
}

/// Writes the hosts file of a Pod. `host` is the host's own file, for a Pod on the network of its host.
pub fn hosts_file(names: &HostNames, ips: &[String], host: Option<&str>, aliases: &[HostAlias]) -> String {
    let mut file = match host {
        Some(host) => format!("# Kubernetes-managed hosts file (host network).\n{host}"),
        None => own_entries(names, ips),
    };
    if !aliases.is_empty() {
        file.push_str("\n# Entries added by HostAliases.\n");
    }
    for alias in aliases {
        let names = alias.hostnames.as_deref().unwrap_or_default().join("\t");
        file.extend([alias.ip.as_str(), "\t", &names, "\n"]);
    }
    file
}

fn own_entries(names: &HostNames, ips: &[String]) -> String {
    let mut file = String::from(
        "# Kubernetes-managed hosts file.\n\
         127.0.0.1\tlocalhost\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::0\tip6-localnet\n\
         fe00::0\tip6-mcastprefix\n\
         fe00::1\tip6-allnodes\n\
         fe00::2\tip6-allrouters\n",
    );
    for ip in ips {
        let HostNames { hostname, domain, .. } = names;
        let written = match domain {
            Some(domain) => writeln!(file, "{ip}\t{hostname}.{domain}\t{hostname}"),
            None => writeln!(file, "{ip}\t{hostname}"),
        };
        written.expect("a String takes any text");
    }
    file
}
