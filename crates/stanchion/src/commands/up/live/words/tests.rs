use std::path::PathBuf;

use serde_json::{Value, json};
use stanchion_rehearse::Password;

use super::*;

fn cluster(ready: &str, message: &str, ha: &Value) -> DatabaseCluster {
    let ready = json!({
        "type": "Ready", "status": ready, "reason": "Some", "message": message,
        "lastTransitionTime": "2026-11-22T10:00:00Z",
    });
    let object = json!({
        "apiVersion": "stanchion.dev/v1alpha1", "kind": "DatabaseCluster",
        "metadata": {"name": "orders", "namespace": "default"},
        "spec": {"storage": {"size": "1Gi"}},
        "status": {"conditions": [ready], "ha": ha},
    });
    serde_json::from_value(object).expect("a cluster")
}

fn serving(term: i64, primary: &str, other: &str) -> Value {
    json!({
        "primary": primary, "term": term, "stage": "Serving",
        "instances": [{"name": primary, "database": "Running"},
                      {"name": other, "database": "Running", "lagMilliseconds": 3}],
        "readiness": {"could": true, "candidate": other, "why": "everybody can be asked"},
        "failover": {"term": term, "from": other, "to": primary, "cause": "its database ended: signal 9", "moments": [
            {"step": "LastGoodHeartbeat", "at": "2026-11-22T10:00:00.000Z"},
            {"step": "Writable", "at": "2026-11-22T10:00:00.310Z"}]},
    })
}

#[test]
fn a_line_says_what_is_waited_for_or_how_it_is() {
    let since = Duration::from_secs(7);
    assert_eq!(line("orders", None, since), "orders: not there");
    let forming =
        json!({"term": 0, "stage": "Forming", "instances": [{"name": "orders-0", "database": "Preparing"}]});
    let forming = cluster("False", "0 of 3 instances are ready", &forming);
    assert_eq!(
        line("orders", Some(&forming), since),
        "orders: 7 s: 0 of 3 instances are ready (orders-0 preparing)"
    );
    let ready = cluster("True", "", &serving(2, "orders-1", "orders-0"));
    assert_eq!(
        line("orders", Some(&ready), since),
        "orders: Ready, orders-1 writes in term 2, lag orders-0 3 ms, failover to orders-0"
    );
}

#[test]
fn changes_of_primary_and_troubles_are_news_once() {
    let first = cluster("True", "", &serving(1, "orders-0", "orders-1"));
    let second = cluster("False", "1 of 2 is ready", &serving(2, "orders-1", "orders-0"));
    assert_eq!(news(None, Some(&first), true), Vec::<String>::new(), "what was before is none");
    let told = news(Some(&first), Some(&second), true);
    let story =
        "term 2: orders-1 took over from orders-0 within 310 ms, because its database ended: signal 9";
    assert_eq!(told, [story, "not Ready: 1 of 2 is ready"]);
    assert!(news(Some(&second), Some(&second), false).is_empty());
    let third = cluster("False", "2 of 2 are ready", &serving(2, "orders-1", "orders-0"));
    assert_eq!(news(Some(&second), Some(&third), false), ["2 of 2 are ready"]);
    assert!(news(Some(&second), Some(&third), true).is_empty(), "the live line says it");
    assert_eq!(news(Some(&third), None, true), ["it is gone"]);
}

#[test]
fn a_person_is_told_how_to_connect() {
    let key = Key::new("shop", "orders".to_owned());
    let access = Access {
        host: "127.4.0.9".to_owned(),
        port: 3306,
        user: "app".to_owned(),
        password: Password::new("open sesame"),
        database: "app".to_owned(),
    };
    let about = About {
        kubeconfig: PathBuf::from("/data/my cluster/admin.kubeconfig"),
        data_dir: PathBuf::from("/data/my cluster"),
        ends_pods: true,
    };
    let connection = Connection {
        key: &key,
        access: &access,
        primary: "orders-0".to_owned(),
        after: Duration::from_secs(12),
        about: &about,
        program: "stanchion".to_owned(),
    };
    let text = connection.text();
    for wanted in [
        "orders is Ready after 12 s; orders-0 writes.",
        "127.4.0.9 from this machine, orders-primary.shop.svc in Pods",
        "export KUBECONFIG='/data/my cluster/admin.kubeconfig'",
        "stanchion db shell orders -n shop",
        "kubectl -n shop get secret orders-credentials -o jsonpath='{.data.password}' | base64 -d",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
    assert!(!text.contains(access.password.expose()), "{text}");
}

#[test]
fn who_still_runs_is_named_at_the_end() {
    let pod = |name: &str, state: &str| -> Pod {
        let status = json!({"containerStatuses": [{
            "name": "mariadb", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": {state: {}},
        }]});
        serde_json::from_value(json!({"metadata": {"name": name}, "status": status})).expect("a Pod")
    };
    let mut pods = vec![pod("orders-0", "running"), pod("orders-1", "waiting")];
    let since = Duration::from_secs(3);
    assert_eq!(ending(&pods, since), "ending Pods, 3 s: orders-0; another Ctrl-C leaves them running");
    pods.clear();
    assert!(ending(&pods, since).contains("none runs any more"));
}
