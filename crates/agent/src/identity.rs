//! Which instance an agent is of, from what Kubernetes says of its Pod.

use std::net::IpAddr;

use stanchion_ha_core::{ClusterName, InstanceName, NameError, ServerId};
use thiserror::Error;

/// Who an agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterName,
    /// The instance, which is the Pod's name.
    pub instance: InstanceName,
    /// Its number as a server: its ordinal and one.
    pub server: ServerId,
    /// The Pod's address.
    pub address: IpAddr,
    /// The uid of the cluster's object, if it is known: volumes with another one hold somebody else's data.
    pub uid: Option<String>,
}

/// An identity that cannot be.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The downward API does not give a variable.
    #[error("{variable} is not set; the Pod's downward API sets it")]
    Missing {
        /// The variable.
        variable: &'static str,
    },
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The Pod's name does not say which instance it is.
    #[error("the Pod's name {pod} is not {cluster}-ORDINAL")]
    Pod {
        /// The Pod.
        pod: String,
        /// The cluster that it should be of.
        cluster: String,
    },
    /// The address is none.
    #[error("POD_IP {text:?} is no address")]
    Address {
        /// What it is.
        text: String,
    },
}

impl Identity {
    /// Reads the identity from `POD_NAME`, `POD_NAMESPACE`, `POD_IP` and `CLUSTER_UID`, as `variable` returns them. The last
    /// is not set in Pods that an older operator made.
    pub fn read(
        cluster: &str,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, IdentityError> {
        let get = |name| variable(name).ok_or(IdentityError::Missing { variable: name });
        let (pod, namespace, address) = (get("POD_NAME")?, get("POD_NAMESPACE")?, get("POD_IP")?);
        let address = address.parse().map_err(|_| IdentityError::Address { text: address })?;
        let uid = variable("CLUSTER_UID").filter(|uid| !uid.is_empty());
        Ok(Self { uid, ..Self::new(&namespace, cluster, &pod, address)? })
    }

    /// Returns the number of an instance of the same cluster, by its name.
    pub fn server_of(&self, instance: &InstanceName) -> Option<ServerId> {
        ordinal(self.cluster.name(), instance.as_str())
    }

    /// Makes an identity.
    pub fn new(namespace: &str, cluster: &str, pod: &str, address: IpAddr) -> Result<Self, IdentityError> {
        let not_of = || IdentityError::Pod { pod: pod.to_owned(), cluster: cluster.to_owned() };
        let server = ordinal(cluster, pod).ok_or_else(not_of)?;
        Ok(Self {
            cluster: ClusterName::new(namespace, cluster)?,
            instance: InstanceName::new(pod)?,
            server,
            address,
            uid: None,
        })
    }
}

/// Returns the number of the server that runs in a Pod.
fn ordinal(cluster: &str, pod: &str) -> Option<ServerId> {
    let ordinal: u32 = pod.strip_prefix(cluster)?.strip_prefix('-')?.parse().ok()?;
    ordinal.checked_add(1).map(ServerId)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pod: &str) -> Result<Identity, IdentityError> {
        Identity::read("orders", |variable| match variable {
            "POD_NAME" => Some(pod.to_owned()),
            "POD_NAMESPACE" => Some("shop".to_owned()),
            "POD_IP" => Some("10.1.2.3".to_owned()),
            "CLUSTER_UID" => Some("3e1f".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn the_ordinal_gives_the_server() {
        let identity = read("orders-2").expect("it is one");
        assert_eq!(identity.server, ServerId(3));
        assert_eq!(identity.instance.as_str(), "orders-2");
        assert_eq!(identity.cluster.to_string(), "shop/orders");
        assert_eq!(identity.uid.as_deref(), Some("3e1f"));
    }

    #[test]
    fn pods_of_others_are_refused() {
        for pod in ["orders", "orders-", "orders-x", "other-1", "orders-4294967295"] {
            assert!(matches!(read(pod), Err(IdentityError::Pod { .. })), "{pod}");
        }
        assert!(matches!(Identity::read("orders", |_| None), Err(IdentityError::Missing { .. })));
    }
}
