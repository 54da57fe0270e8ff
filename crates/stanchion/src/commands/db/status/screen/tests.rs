use serde_json::json;

use super::*;
use crate::commands::db::status::seen::EventSeen;

fn pod(name: &str, ready: bool, restarts: i32) -> PodSeen {
    let node = Some("ground".to_owned());
    PodSeen { name: name.to_owned(), node, phase: "Running".to_owned(), ready, restarts, deleting: false }
}

fn seen() -> Seen {
    let status = json!({
        "observedGeneration": 2,
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "InstancesMissing", "message": "2 of 3 are ready",
             "lastTransitionTime": "2026-11-22T10:00:00Z"},
            {"type": "Available", "status": "True", "reason": "Serving", "message": "",
             "lastTransitionTime": "2026-11-22T10:00:00Z"},
        ],
        "instances": {"desired": 3, "pods": 3, "ready": 2, "updated": 3, "summary": "2/3"},
        "ha": {
            "observedGeneration": 1, "primary": "orders-1", "term": 2, "stage": "Serving",
            "syncSet": ["orders-2"],
            "instances": [
                {"name": "orders-0", "trouble": "it has not reported yet"},
                {"name": "orders-1", "role": "Primary", "position": "0-1002-9", "applied": "0-1002-9",
                 "lagMilliseconds": 0, "database": "Running", "standing": "Contained"},
                {"name": "orders-2", "role": "Follower", "position": "0-1002-9", "applied": "0-1002-7",
                 "lagMilliseconds": 1200, "database": "Running", "standing": "Contained"},
            ],
            "failover": {
                "term": 2, "from": "orders-0", "to": "orders-1", "cause": "its database ended: signal 9",
                "moments": [{"step": "Verdict", "at": "2026-11-22T10:00:00.000Z"},
                            {"step": "Writable", "at": "2026-11-22T10:00:00.250Z"}],
            },
            "readiness": {"could": true, "candidate": "orders-2", "why": "everybody can be asked"},
        },
        "operation": {"id": "a", "kind": "switchover", "state": "Failed", "message": "orders-2 is 900 ms behind"},
    });
    let spec = json!({"instances": 3, "storage": {"size": "1Gi"}});
    Seen {
        namespace: "shop".to_owned(),
        name: "orders".to_owned(),
        generation: Some(2),
        spec: serde_json::from_value(spec).expect("a spec"),
        status: serde_json::from_value(status).expect("a status"),
        pods: vec![pod("orders-0", false, 3), pod("orders-1", true, 0), pod("orders-2", true, 0)],
        events: vec![EventSeen {
            at: "2026-11-22T09:59:00Z".parse().ok(),
            type_: "Normal".to_owned(),
            reason: "PrimaryChanged".to_owned(),
            message: "orders-1 took over".to_owned(),
        }],
    }
}

#[test]
fn a_cluster_is_one_screen() {
    let now: Timestamp = "2026-11-22T10:03:00Z".parse().expect("a time");
    let expected = "\
shop/orders, MariaDB 10.11, 2/3 ready, term 2, Serving

INSTANCE  ROLE      SYNC  RECEIVED  APPLIED   LAG      DATABASE  POD                             NODE    TROUBLE
orders-0  -         no    -         -         -        -         Running, not ready, 3 restarts  ground  it has not reported yet
orders-1  Primary   -     0-1002-9  0-1002-9  -        Running   Running                         ground  -
orders-2  Follower  yes   0-1002-9  0-1002-7  1200 ms  Running   Running                         ground  -

failover now  orders-2 would take over: everybody can be asked; writes would wait until it has applied 1200 ms
last change   term 2: orders-0 to orders-1, 3 min ago, because its database ended: signal 9
              10:00:00.000              it is given up, or asked to hand over
              10:00:00.250     +250 ms  the new primary is writable
              250 ms from the first to the last
operation     switchover: failed: orders-2 is 900 ms behind
not well      Ready is False (InstancesMissing): 2 of 3 are ready
              the manager does not act on the newest spec yet
events         4 min ago  PrimaryChanged: orders-1 took over
";
    assert_eq!(lay_out(&seen(), now), expected);
    assert_eq!(
        seen().complaint().as_deref(),
        Some("orders is not Ready (InstancesMissing): 2 of 3 are ready")
    );
}

#[test]
fn a_cluster_that_nobody_looked_at_is_shown_too() {
    let mut seen = seen();
    (seen.status, seen.pods, seen.events) =
        (serde_json::from_value(json!({})).expect("a status"), vec![], vec![]);
    let expected = "\
shop/orders, MariaDB 10.11, 3 wanted, no manager has looked at it yet

There are no instances yet.

failover now  not known: no manager has looked at it yet
last change   none yet
";
    assert_eq!(lay_out(&seen, Timestamp::UNIX_EPOCH), expected);
}
