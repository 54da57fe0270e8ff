//! Claims against volumes and classes.

use super::*;
use crate::testing::{GIB, node, pod, selector, shape};

fn claim(name: &str, class: &str, request: i64) -> Claim {
    Claim {
        namespace: "default".into(),
        name: name.into(),
        state: ClaimState::Pending { selected_node: None },
        class: class.into(),
        deleting: false,
        request,
        modes: AccessModes::from_iter([AccessMode::ReadWriteOnce]),
        block: false,
        selector: None,
    }
}

fn volume(name: &str, class: &str, capacity: i64, on: &str) -> Volume {
    let term = NodeTerm { labels: selector(&format!("{}={on}", crate::HOSTNAME)), names: Vec::new() };
    Volume {
        name: name.into(),
        class: class.into(),
        capacity,
        modes: AccessModes::from_iter([AccessMode::ReadWriteOnce, AccessMode::ReadOnlyMany]),
        block: false,
        labels: LabelSet::default(),
        nodes: Some(vec![term]),
        claim: None,
        available: true,
    }
}

fn class(name: &str, provisioner: &str, waits: bool) -> StorageClass {
    StorageClass { name: name.into(), provisioner: provisioner.into(), waits, topologies: Vec::new() }
}

fn volumes() -> Volumes {
    let mut volumes = Volumes::default();
    volumes.set_class(class("local", NO_PROVISIONER, true));
    volumes.set_class(class("path", "stanchion.dev/local-path", true));
    volumes.set_class(class("fast", "example.com/fast", false));
    for (name, capacity, on) in [("v1", 10 * GIB, "n1"), ("v2", 20 * GIB, "n1"), ("v3", 5 * GIB, "n2")] {
        volumes.set_volume(volume(name, "local", capacity, on));
    }
    volumes
}

fn using(names: &[&str]) -> Pod {
    Pod { claims: names.iter().map(|name| (*name).into()).collect(), ..pod("p", &[], shape(0, 0)) }
}

/// What becomes of a Pod's claims on a node.
fn outcome(volumes: &Volumes, names: &[&str], on: &str) -> String {
    match volumes.of(&using(names)) {
        Err(obstacle) => obstacle.to_string(),
        Ok(claims) => match volumes.plan(&claims, &node(on, &[])) {
            Err(refusal) => format!("{refusal:?}"),
            Ok(plan) => {
                let bind = plan.bind.iter().map(|((_, claim), volume)| format!("{claim}={volume}"));
                let provision = plan.provision.iter().map(|(_, claim)| format!("{claim}+"));
                bind.chain(provision).collect::<Vec<_>>().join(" ")
            }
        },
    }
}

#[test]
fn the_smallest_volume_that_fits_is_taken() {
    let mut volumes = volumes();
    volumes.set_claim(claim("a", "local", 8 * GIB));
    volumes.set_claim(claim("b", "local", 4 * GIB));
    volumes.set_claim(claim("c", "path", GIB));
    for (names, on, expected) in [
        (vec!["a"], "n1", "a=v1"),
        (vec!["a"], "n2", "NoVolume"),
        (vec!["b"], "n2", "b=v3"),
        (vec!["a", "b"], "n1", "b=v1 a=v2"),
        (vec!["c"], "n2", "c+"),
        (vec!["a", "c"], "n1", "a=v1 c+"),
        (vec!["none"], "n1", "persistentvolumeclaim \"none\" not found"),
    ] {
        assert_eq!(outcome(&volumes, &names, on), expected, "{names:?} on {on}");
    }
}

#[test]
fn bound_claims_go_where_their_volume_is() {
    let mut volumes = volumes();
    let bound = |volume: &str| Claim { state: ClaimState::Bound(volume.into()), ..claim("a", "local", GIB) };
    volumes.set_claim(bound("v1"));
    assert_eq!(outcome(&volumes, &["a"], "n1"), "");
    assert_eq!(outcome(&volumes, &["a"], "n2"), "VolumeElsewhere");
    volumes.set_claim(bound("gone"));
    assert_eq!(outcome(&volumes, &["a"], "n1"), "VolumeGone");
}

#[test]
fn claims_that_no_node_can_help_stop_the_search() {
    let mut volumes = volumes();
    let unbound = "pod has unbound immediate PersistentVolumeClaims";
    let table = [
        (claim("a", "fast", GIB), unbound),
        (claim("a", "", GIB), unbound),
        (claim("a", "unknown", GIB), "storageclass.storage.k8s.io \"unknown\" not found"),
        (Claim { state: ClaimState::Promised, ..claim("a", "local", GIB) }, unbound),
        (
            Claim { deleting: true, ..claim("a", "local", GIB) },
            "persistentvolumeclaim \"a\" is being deleted",
        ),
        (
            Claim { state: ClaimState::Lost("v9".into()), ..claim("a", "local", GIB) },
            "persistentvolumeclaim \"a\" bound to non-existent persistentvolume \"v9\"",
        ),
    ];
    for (claim, expected) in table {
        volumes.set_claim(claim);
        assert_eq!(outcome(&volumes, &["a"], "n1"), expected);
    }
}

#[test]
fn what_is_reserved_is_not_given_twice() {
    let mut volumes = volumes();
    volumes.set_claim(claim("a", "local", GIB));
    volumes.set_claim(claim("b", "local", GIB));
    volumes.set_claim(claim("c", "path", GIB));
    let claims = volumes.of(&using(&["a", "c"])).unwrap();
    let plan = volumes.plan(&claims, &node("n2", &[])).unwrap();
    volumes.reserve(&plan, &"n2".into());
    assert_eq!(outcome(&volumes, &["b"], "n2"), "NoVolume");
    assert_eq!(outcome(&volumes, &["a"], "n1"), "NoVolume", "its node is chosen");
    assert_eq!(outcome(&volumes, &["c"], "n1"), "NoVolume", "its node is chosen");
    assert_eq!(outcome(&volumes, &["a", "c"], "n2"), "a=v3 c+");
    volumes.release(&plan);
    assert_eq!(outcome(&volumes, &["b"], "n2"), "b=v3");
    assert_eq!(outcome(&volumes, &["c"], "n1"), "c+");
}

#[test]
fn provisioning_keeps_to_the_node_and_to_the_topology() {
    let mut volumes = volumes();
    let state = ClaimState::Pending { selected_node: Some("n1".into()) };
    volumes.set_claim(Claim { state, ..claim("a", "path", GIB) });
    assert_eq!(outcome(&volumes, &["a"], "n1"), "a+");
    assert_eq!(outcome(&volumes, &["a"], "n2"), "NoVolume");
    let topologies = vec![selector(&format!("{} in (n2,n3)", crate::HOSTNAME))];
    volumes.set_class(StorageClass { topologies, ..class("path", "stanchion.dev/local-path", true) });
    assert_eq!(outcome(&volumes, &["a"], "n1"), "NoVolume");
    volumes.set_claim(claim("a", "path", GIB));
    assert_eq!(outcome(&volumes, &["a"], "n3"), "a+");
}

#[test]
fn a_volume_must_suit_in_every_respect() {
    type Change = fn(&mut Claim, &mut Volume);
    let table: [(Change, bool); 8] = [
        (|_, _| {}, true),
        (|claim, _| claim.block = true, false),
        (|claim, _| claim.modes = AccessModes::from_iter([AccessMode::ReadWriteMany]), false),
        (|claim, _| claim.modes = AccessModes::from_iter([AccessMode::ReadOnlyMany]), true),
        (|claim, _| claim.selector = Some(selector("tier=gold")), false),
        (|_, volume| volume.available = false, false),
        (|_, volume| volume.claim = Some(("default".into(), "other".into())), false),
        (
            |_, volume| {
                volume.claim = Some(("default".into(), "a".into()));
                volume.available = false;
            },
            true,
        ),
    ];
    for (number, (change, expected)) in table.into_iter().enumerate() {
        let (mut claim, mut volume) = (claim("a", "local", GIB), volume("v", "local", GIB, "n1"));
        change(&mut claim, &mut volume);
        assert_eq!(volume.suits(&claim), expected, "row {number}");
    }
}
