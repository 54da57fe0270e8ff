//! How the operator behaves.

use std::fmt;
use std::sync::Arc;

use stanchion_store::KeyValueStore;

/// How the operator behaves.
#[derive(Clone)]
pub struct Options {
    /// The image that has this program, which is put beside the database in each Pod.
    pub agent_image: String,
    /// Where agents reach the store, as `https://host:port`.
    pub store_endpoints: Vec<String>,
    /// With what they are somebody there; none for `http` endpoints.
    pub store_tls: Option<StoreTls>,
    /// The store, to take away what is left of a cluster that is deleted.
    pub store: Arc<dyn KeyValueStore>,
    /// As whom databases run.
    pub security: SecurityMode,
}

/// With what agents are somebody at the store, PEM.
#[derive(Clone)]
pub struct StoreTls {
    /// The authority of the store's certificate.
    pub ca: Vec<u8>,
    /// As whom agents come.
    pub agents: StoreUsers,
}

/// As whom agents come to the store, PEM.
#[derive(Clone)]
pub enum StoreUsers {
    /// Those of all clusters as the same user.
    Shared {
        /// The certificate that they show.
        certificate: Vec<u8>,
        /// Its key.
        key: Vec<u8>,
    },
    /// Those of each cluster as a user of their own, `NAMESPACE/NAME`: the common name of a certificate that is made for them, and
    /// in time made anew.
    Signed {
        /// Who signs the certificates.
        authority: String,
        /// Its key.
        key: String,
    },
}

/// As whom databases run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityMode {
    /// As the account of the database's images, without any capability.
    #[default]
    Image,
    /// As the node runs its containers: on a machine where every container is the same user anyway.
    Node,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("agent_image", &self.agent_image)
            .field("store_endpoints", &self.store_endpoints)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreTls").field("agents", &self.agents).finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Shared { .. } => "Shared",
            Self::Signed { .. } => "Signed",
        };
        f.debug_struct(name).finish_non_exhaustive()
    }
}
