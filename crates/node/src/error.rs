//! Why a node does not run.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::calls::CallError;

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The containers of the machine cannot be taken charge of.
    #[error("cannot run containers")]
    Sandbox(#[from] stanchion_sandbox::OpenError),
    /// Containers cannot be listed or removed.
    #[error("cannot manage containers")]
    Containers(#[from] stanchion_sandbox::RuntimeError),
    /// The address for logs and commands cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The certificate, its key or the authority cannot be used.
    #[error("cannot use the node's {what}: {problem}")]
    Credentials {
        /// What of them.
        what: &'static str,
        /// Why not.
        problem: String,
    },
    /// The machine does not say what it has.
    #[error("cannot read {path}", path = path.display())]
    Machine {
        /// What was read.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The directory of the node cannot be used.
    #[error("cannot use {path}", path = path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The range of Pod addresses cannot be used.
    #[error("cannot give addresses to Pods")]
    Addresses(#[from] stanchion_network::addresses::AddressError),
    /// The API refused what a node cannot go without.
    #[error("cannot {doing}: {problem}")]
    Api {
        /// What was being done.
        doing: String,
        /// What the API said.
        problem: String,
    },
}

impl NodeError {
    pub(crate) fn api(doing: impl Into<String>, error: &CallError) -> Self {
        Self::Api { doing: doing.into(), problem: error.to_string() }
    }
}
