//! Names and labels of what belongs to a cluster. Operator, manager and agents agree on them here.

use stanchion_ha_core::{InstanceName, NameError, ServerId};

/// The group of the kinds.
pub const GROUP: &str = "stanchion.dev";
/// The label with the name of the cluster that something belongs to.
pub const CLUSTER: &str = "stanchion.dev/cluster";
/// The label with the ordinal of the instance that something belongs to.
pub const ORDINAL: &str = "stanchion.dev/ordinal";
/// The label of Pods with what their instance does; the manager writes it.
pub const ROLE: &str = "stanchion.dev/role";
/// The value of [`ROLE`] of the one that writes.
pub const PRIMARY: &str = "primary";
/// The value of [`ROLE`] of those that follow and answer reads.
pub const REPLICA: &str = "replica";
/// The container of the database in each Pod.
pub const CONTAINER: &str = "mariadb";
/// The port of the database.
pub const DATABASE_PORT: u16 = 3306;
/// The port of the agent.
pub const AGENT_PORT: u16 = 8377;
/// The longest name of a cluster, so that all names made from it fit where they stand.
pub const LONGEST_CLUSTER: usize = 50;
/// The most instances of a cluster.
pub const MOST_INSTANCES: u32 = 9;

/// Returns the name of an instance and of its Pod.
pub fn instance(cluster: &str, ordinal: u32) -> Result<InstanceName, NameError> {
    InstanceName::new(&format!("{cluster}-{ordinal}"))
}

/// Returns the ordinal of an instance of a cluster.
pub fn ordinal(cluster: &str, instance: &str) -> Option<u32> {
    let text = instance.strip_prefix(cluster)?.strip_prefix('-')?;
    let ordinal: u32 = text.parse().ok()?;
    (ordinal.to_string() == text).then_some(ordinal)
}

/// Returns an instance's number as a server.
pub fn server(ordinal: u32) -> ServerId {
    ServerId(ordinal.saturating_add(1))
}

/// Returns the name of the claim of an instance's data.
pub fn claim(cluster: &str, ordinal: u32) -> String {
    format!("data-{cluster}-{ordinal}")
}

/// Returns the name of the Service that reaches the primary.
pub fn primary_service(cluster: &str) -> String {
    format!("{cluster}-primary")
}

/// Returns the name of the Service that reaches the replicas.
pub fn replicas_service(cluster: &str) -> String {
    format!("{cluster}-replicas")
}

/// Returns the name of the Service that names every instance.
pub fn instances_service(cluster: &str) -> String {
    format!("{cluster}-instances")
}

/// Returns the name of the Secret with what applications need: address, account and password.
pub fn credentials(cluster: &str) -> String {
    format!("{cluster}-credentials")
}

/// Returns the name of the Secret with the passwords that only agents read.
pub fn system(cluster: &str) -> String {
    format!("{cluster}-system")
}

/// Returns the name of the Secret with the cluster's authority and the certificate of its instances.
pub fn tls(cluster: &str) -> String {
    format!("{cluster}-tls")
}

/// Returns the name of the Secret with which agents reach the store.
pub fn store(cluster: &str) -> String {
    format!("{cluster}-store")
}

/// Returns the name of the `ConfigMap` of the agents.
pub fn agent(cluster: &str) -> String {
    format!("{cluster}-agent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_are_read_back_and_nothing_else_is() {
        let name = instance("orders", 3).expect("a name");
        assert_eq!(ordinal("orders", name.as_str()), Some(3));
        for other in ["orders", "orders-", "orders-x", "orders-03", "orders-+3", "orders-a-3", "other-3"] {
            assert_eq!(ordinal("orders", other), None, "{other}");
        }
    }
}
