//! Statuses of what keeps a number of Pods: how many there are of which sort.

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;

use crate::validate::place::Place;
use crate::validate::read::{int, nonnegative, part};

/// A number that there must not be more of than of another, with the words for it.
type Bound = (&'static str, &'static str, &'static str);

/// What is counted in the status of a kind.
pub(super) struct Counts {
    numbers: &'static [&'static str],
    bounds: &'static [Bound],
    /// Whether collisions of names are counted, which never get fewer.
    collisions: bool,
}

const TOTAL: &str = "cannot be greater than status.replicas";
const READY: Bound = ("availableReplicas", "readyReplicas", "cannot be greater than readyReplicas");

/// The counts of a `Deployment`.
pub(super) const DEPLOYMENT: Counts = Counts {
    numbers: &[
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
    ],
    bounds: &[
        ("updatedReplicas", "replicas", TOTAL),
        ("readyReplicas", "replicas", TOTAL),
        ("availableReplicas", "replicas", TOTAL),
        READY,
    ],
    collisions: true,
};

/// The counts of a `ReplicaSet` or `ReplicationController`.
pub(super) const REPLICAS: Counts = Counts {
    numbers: &[
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "terminatingReplicas",
        "observedGeneration",
    ],
    bounds: &[
        ("fullyLabeledReplicas", "replicas", TOTAL),
        ("readyReplicas", "replicas", TOTAL),
        ("availableReplicas", "replicas", TOTAL),
        READY,
    ],
    collisions: false,
};

/// The counts of a StatefulSet.
pub(super) const STATEFUL_SET: Counts = Counts {
    numbers: &[
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
    ],
    bounds: &[
        ("readyReplicas", "replicas", TOTAL),
        ("currentReplicas", "replicas", TOTAL),
        ("updatedReplicas", "replicas", TOTAL),
        ("availableReplicas", "replicas", TOTAL),
        ("availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas"),
    ],
    collisions: true,
};

/// The counts of a `DaemonSet`.
pub(super) const DAEMON_SET: Counts = Counts {
    numbers: &[
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
    ],
    bounds: &[],
    collisions: true,
};

/// Checks a change of a status.
pub(super) fn update(counts: &Counts, new: &Value, old: &Value, errors: &mut FieldErrors) {
    let [new, old] = [new, old].map(|object| part(object, "status").unwrap_or(&Value::Null));
    let at = Place::new("status");
    for number in counts.numbers {
        nonnegative(new, number, &at, errors);
    }
    for (fewer, more, detail) in counts.bounds {
        let count = int(new, fewer).unwrap_or(0);
        if count > int(new, more).unwrap_or(0) {
            at.child(fewer).invalid(errors, count, *detail);
        }
    }
    if !counts.collisions {
        return;
    }
    nonnegative(new, "collisionCount", &at, errors);
    let (is, was) = (int(new, "collisionCount"), int(old, "collisionCount"));
    if was.is_some_and(|was| is.is_none_or(|is| is < was)) {
        at.child("collisionCount").invalid(errors, is.unwrap_or(0), "cannot be decremented");
    }
}
