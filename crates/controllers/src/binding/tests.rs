use k8s_openapi::api::storage::v1::StorageClass;
use serde_json::{Value, json};

use super::*;

fn claim_of(name: &str, spec: &Value) -> PersistentVolumeClaim {
    let mut object = json!({
        "metadata": {"namespace": "default", "name": name, "uid": format!("uid-{name}")},
        "spec": {"accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Pending"},
    });
    merge(&mut object["spec"], spec);
    serde_json::from_value(object).expect("a claim")
}

fn volume_of(name: &str, size: &str, spec: &Value) -> PersistentVolume {
    let mut object = json!({
        "metadata": {"name": name, "uid": format!("uid-{name}"), "labels": {"name": name}},
        "spec": {"accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem", "capacity": {"storage": size},
            "persistentVolumeReclaimPolicy": "Retain", "local": {"path": "/x"}},
        "status": {"phase": "Pending"},
    });
    merge(&mut object["spec"], spec);
    serde_json::from_value(object).expect("a volume")
}

fn merge(object: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        object[key] = value.clone();
    }
}

fn class_of(name: &str, waits: bool) -> StorageClass {
    let mode = if waits { "WaitForFirstConsumer" } else { "Immediate" };
    let object =
        json!({"metadata": {"name": name}, "provisioner": "example.com/disks", "volumeBindingMode": mode});
    serde_json::from_value(object).expect("a class")
}

/// A cluster that carries steps out as the API does.
#[derive(Default)]
struct World {
    claims: Vec<PersistentVolumeClaim>,
    volumes: Vec<PersistentVolume>,
    classes: Vec<StorageClass>,
    told: Vec<String>,
}

impl World {
    fn look(&mut self) -> Option<Step> {
        let volumes: Vec<Arc<PersistentVolume>> = self.volumes.iter().cloned().map(Arc::new).collect();
        for claim in &self.claims {
            let class =
                self.classes.iter().find(|it| it.metadata.name.as_deref() == Some(class_of_claim(claim)));
            let outcome = claim::decide(claim, &claim::Seen { volumes: &volumes, class, pods: &[] });
            self.told.extend(outcome.told.map(|told| told.reason.to_owned()));
            if outcome.step.is_some() {
                return outcome.step;
            }
        }
        for volume in &self.volumes {
            let key = claim_key(volume);
            let claim = self.claims.iter().find(|claim| Some(Key::of(*claim)) == key);
            let outcome = volume::decide(volume, claim);
            self.told.extend(outcome.told.map(|told| told.reason.to_owned()));
            if outcome.step.is_some() {
                return outcome.step;
            }
        }
        None
    }

    /// Looks until nothing is left to be done.
    fn settle(&mut self) -> &mut Self {
        for _ in 0..50 {
            let Some(step) = self.look() else { return self };
            match step {
                Step::Claim(new) | Step::ClaimStatus(new) => {
                    let old = self.claims.iter_mut().find(|it| it.metadata.name == new.metadata.name);
                    *old.expect("a claim") = new;
                }
                Step::Volume(new) | Step::VolumeStatus(new) => {
                    let old = self.volumes.iter_mut().find(|it| it.metadata.name == new.metadata.name);
                    *old.expect("a volume") = new;
                }
            }
        }
        panic!("does not settle: {:?}", self.look());
    }

    fn state(&self) -> Vec<String> {
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let claims = self.claims.iter().map(|claim| {
            let phase = text(claim.status.as_ref().and_then(|it| it.phase.as_ref()));
            let volume = text(claim.spec.as_ref().and_then(|it| it.volume_name.as_ref()));
            format!("{} {phase} {volume}", text(claim.metadata.name.as_ref())).trim_end().to_owned()
        });
        let volumes = self.volumes.iter().map(|volume| {
            let phase = text(volume.status.as_ref().and_then(|it| it.phase.as_ref()));
            let claim = claim_key(volume).map(|key| key.name).unwrap_or_default();
            format!("{} {phase} {claim}", text(volume.metadata.name.as_ref())).trim_end().to_owned()
        });
        claims.chain(volumes).collect()
    }
}

#[test]
fn a_claim_takes_the_smallest_volume_that_suits() {
    let claims = vec![
        claim_of("a", &json!({})),
        claim_of("b", &json!({"selector": {"matchLabels": {"name": "large"}}})),
        claim_of("c", &json!({"accessModes": ["ReadWriteMany"]})),
    ];
    let volumes = vec![
        volume_of("tiny", "500Mi", &json!({})),
        volume_of("large", "10Gi", &json!({})),
        volume_of("fits", "2Gi", &json!({})),
        volume_of("block", "1Gi", &json!({"volumeMode": "Block"})),
        volume_of("other", "1Gi", &json!({"storageClassName": "fast"})),
    ];
    let mut world = World { claims, volumes, ..World::default() };
    let expected = [
        "a Bound fits",
        "b Bound large",
        "c Pending",
        "tiny Available",
        "large Bound b",
        "fits Bound a",
        "block Available",
        "other Available",
    ];
    assert_eq!(world.settle().state(), expected);
    assert!(world.told.iter().all(|reason| reason == "FailedBinding"));
    let capacity =
        world.claims[0].status.as_ref().and_then(|status| status.capacity.clone()).expect("capacity");
    assert_eq!(capacity["storage"].0, "2Gi");
    assert_eq!(annotation(&world.claims[0].metadata, BIND_COMPLETED), Some("yes"));
    assert_eq!(annotation(&world.volumes[2].metadata, BOUND_BY_CONTROLLER), Some("yes"));
}

#[test]
fn a_volume_is_reserved_from_either_side() {
    let by_volume = json!({"claimRef": {"namespace": "default", "name": "a"}});
    let mut world = World {
        claims: vec![
            claim_of("a", &json!({})),
            claim_of("b", &json!({"volumeName": "w"})),
            claim_of("c", &json!({"volumeName": "v"})),
        ],
        volumes: vec![
            volume_of("v", "9Gi", &by_volume),
            volume_of("w", "1Gi", &json!({})),
            volume_of("x", "1Gi", &json!({})),
        ],
        ..World::default()
    };
    let expected = ["a Bound v", "b Bound w", "c Pending v", "v Bound a", "w Bound b", "x Available"];
    assert_eq!(world.settle().state(), expected);
    assert_eq!(annotation(&world.volumes[0].metadata, BOUND_BY_CONTROLLER), None, "a person reserved it");
    let mut small = World {
        claims: vec![claim_of("a", &json!({"volumeName": "v"}))],
        volumes: vec![volume_of("v", "1Mi", &json!({}))],
        ..World::default()
    };
    assert_eq!(small.settle().state(), ["a Pending v", "v Available"]);
    small.told.dedup();
    assert_eq!(small.told, ["VolumeMismatch"]);
}

#[test]
fn volumes_of_a_class_wait_or_are_asked_for() {
    let of = |class: &str| json!({"storageClassName": class});
    let mut world = World {
        claims: vec![claim_of("a", &of("slow")), claim_of("b", &of("now")), claim_of("c", &of("none"))],
        volumes: vec![volume_of("v", "1Gi", &of("slow"))],
        classes: vec![class_of("slow", true), class_of("now", false)],
        ..World::default()
    };
    assert_eq!(world.settle().state(), ["a Pending", "b Pending", "c Pending", "v Available"]);
    world.told.sort();
    world.told.dedup();
    assert_eq!(world.told, ["ExternalProvisioning", "ProvisioningFailed", "WaitForFirstConsumer"]);
    assert_eq!(annotation(&world.claims[1].metadata, PROVISIONER[0]), Some("example.com/disks"));
    // The scheduler chooses a node, and the provisioner makes a volume.
    world.claims[0].metadata.annotations = Some([(SELECTED_NODE.to_owned(), "n".to_owned())].into());
    world.settle();
    assert_eq!(annotation(&world.claims[0].metadata, PROVISIONER[0]), Some("example.com/disks"));
    let made = json!({"storageClassName": "slow", "claimRef": {"namespace": "default", "name": "a", "uid": "uid-a"}});
    world.volumes.push(volume_of("made", "1Gi", &made));
    assert_eq!(world.settle().state()[0], "a Bound made");
}

#[test]
fn volumes_outlive_their_claims_as_they_are_told() {
    let table = [
        ("Retain", false, "Released", vec![]),
        ("Delete", true, "Released", vec![]),
        ("Delete", false, "Failed", vec!["VolumeFailedDelete"]),
        ("Recycle", false, "Failed", vec!["VolumeFailedRecycle"]),
    ];
    for (policy, provisioned, phase, told) in table {
        let mut volume = volume_of("v", "1Gi", &json!({"persistentVolumeReclaimPolicy": policy}));
        let by = [(PROVISIONED_BY.to_owned(), "example.com/disks".to_owned())].into();
        volume.metadata.annotations = provisioned.then_some(by);
        let mut world =
            World { claims: vec![claim_of("a", &json!({}))], volumes: vec![volume], ..World::default() };
        assert_eq!(world.settle().state(), ["a Bound v", "v Bound a"]);
        world.claims.clear();
        assert_eq!(world.settle().state(), [format!("v {phase} a")], "{policy}");
        assert_eq!(world.told, told);
        // Another claim of the name does not get what the first one left.
        let mut other = claim_of("a", &json!({}));
        other.metadata.uid = Some("another".to_owned());
        world.claims.push(other);
        assert_eq!(world.settle().state(), ["a Pending".to_owned(), format!("v {phase} a")]);
    }
}

#[test]
fn a_claim_that_lost_its_volume_says_so() {
    let mut world = World {
        claims: vec![claim_of("a", &json!({}))],
        volumes: vec![volume_of("v", "1Gi", &json!({}))],
        ..World::default()
    };
    world.settle();
    let volume = world.volumes.remove(0);
    let outcome = claim::decide(&world.claims[0], &claim::Seen { volumes: &[], class: None, pods: &[] });
    assert_eq!(outcome.unless_volume.as_deref(), Some("v"), "to be asked of the API");
    assert_eq!(world.settle().state(), ["a Lost v"]);
    assert_eq!(world.told, ["ClaimLost"]);
    world.volumes.push(volume);
    assert_eq!(world.settle().state(), ["a Bound v", "v Bound a"]);
    let grown = json!({"resources": {"requests": {"storage": "5Gi"}}, "volumeName": "v"});
    world.claims[0].spec = claim_of("a", &grown).spec;
    world.told.clear();
    world.settle();
    assert_eq!(world.told, ["VolumeResizeFailed"]);
}
