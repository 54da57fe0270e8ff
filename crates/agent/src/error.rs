//! Why an agent cannot begin. Once it has, it goes on whatever happens.

use std::net::SocketAddr;

use stanchion_engine::mariadb::ConfigError;
use stanchion_store::RemoteError;
use thiserror::Error;

use crate::tls::TlsError;

/// An agent that cannot begin.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The cluster's certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The parameters of the database cannot be used.
    #[error("cannot configure the database")]
    Database(#[from] ConfigError),
    /// The store cannot be reached as it is configured.
    #[error("cannot prepare the connection to the store")]
    Store(#[from] RemoteError),
    /// The address is taken, or not the Pod's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// No thread can be started.
    #[error("cannot start to measure the machine")]
    Measure(#[source] std::io::Error),
}
