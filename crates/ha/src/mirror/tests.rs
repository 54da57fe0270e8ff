use stanchion_ha_core::{ClusterName, InstanceName, keys};

use super::place::Place;

#[test]
fn keys_are_read_as_they_are_written() {
    let cluster = ClusterName::new("shop", "orders").unwrap();
    let instance = InstanceName::new("orders-1").unwrap();
    let of = |key: String| Place::of(key.as_bytes());
    assert_eq!(of(keys::topology(&cluster)), Some((cluster.clone(), Place::Topology)));
    assert_eq!(of(keys::settings(&cluster)), Some((cluster.clone(), Place::Settings)));
    assert_eq!(of(keys::operation(&cluster)), Some((cluster.clone(), Place::Operation)));
    assert_eq!(of(keys::report(&cluster, &instance)), Some((cluster.clone(), Place::Report(instance))));
    for other in [
        keys::MANAGER,
        "/stanchion/",
        "/stanchion/shop/orders/else",
        "/registry/pods/a/b",
        "/stanchion/A/b/topology",
    ] {
        assert_eq!(of(other.to_owned()), None, "{other}");
    }
}
