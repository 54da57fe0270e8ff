use serde_json::{Value, json};

use super::*;

fn pod() -> Pod {
    serde_json::from_value(json!({
        "metadata": {
            "name": "p", "namespace": "ns", "uid": "u",
            "labels": {"app": "web", "a/b": "c"}, "annotations": {"note": "say \"hi\"\n\u{1}"},
        },
        "spec": {
            "nodeName": "n", "serviceAccountName": "sa",
            "containers": [
                {"name": "a", "resources": {
                    "requests": {"cpu": "250m"}, "limits": {"cpu": "1500m", "memory": "100Mi"}}},
                {"name": "b"},
            ],
        },
    }))
    .expect("a Pod")
}

fn show(path: &str, place: Place) -> Result<String, DownwardError> {
    let selector = ObjectFieldSelector { api_version: None, field_path: path.to_owned() };
    let (host, own) = (["1.1.1.1".to_owned()], ["2.2.2.2".to_owned(), "::2".to_owned()]);
    let surroundings = Surroundings { host_ips: &host, pod_ips: &own, allocatable: &Amounts::new() };
    field(&pod(), &selector, place, &surroundings)
}

#[test]
fn fields_are_shown_where_they_may_be() {
    let (env, file) = (Place::Environment, Place::File);
    let table = [
        ("metadata.name", env, Some("p")),
        ("metadata.namespace", file, Some("ns")),
        ("metadata.uid", env, Some("u")),
        ("metadata.labels['app']", env, Some("web")),
        ("metadata.labels['a/b']", file, Some("c")),
        ("metadata.labels['none']", env, Some("")),
        ("metadata.labels", file, Some("a/b=\"c\"\napp=\"web\"")),
        ("metadata.labels", env, None),
        ("metadata.annotations", file, Some("note=\"say \\\"hi\\\"\\n\\x01\"")),
        ("spec.nodeName", env, Some("n")),
        ("spec.nodeName", file, None),
        ("spec.serviceAccountName", env, Some("sa")),
        ("status.hostIP", env, Some("1.1.1.1")),
        ("status.podIPs", env, Some("2.2.2.2,::2")),
        ("status.phase", env, None),
        ("spec.x['y']", env, None),
    ];
    for (path, place, expected) in table {
        assert_eq!(show(path, place).ok().as_deref(), expected, "{path} {place:?}");
    }
    let error = show("status.phase", env).expect_err("refused").to_string();
    assert_eq!(error, "unsupported fieldPath: status.phase");
}

#[expect(clippy::needless_pass_by_value, reason = "a json! stands in each call")]
fn count(resource_name: &str, container: Value, divisor: Value) -> Result<String, DownwardError> {
    let selector = json!({"resource": resource_name, "containerName": container, "divisor": divisor});
    let pod = pod();
    let allocatable = Amounts::from([
        ("cpu".to_owned(), Quantity::new(4)),
        ("memory".to_owned(), Quantity::parse("8Gi").expect("a quantity")),
    ]);
    let surroundings = Surroundings { host_ips: &[], pod_ips: &[], allocatable: &allocatable };
    let own = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    resource(&pod, own, &serde_json::from_value(selector).expect("a selector"), &surroundings)
}

#[test]
fn resources_are_counted_in_units_and_rounded_up() {
    let none = Value::Null;
    let table = [
        ("limits.cpu", none.clone(), none.clone(), "2"),
        ("limits.cpu", none.clone(), json!("1m"), "1500"),
        ("requests.cpu", none.clone(), json!("0"), "1"),
        ("limits.memory", none.clone(), none.clone(), "104857600"),
        ("limits.memory", none.clone(), json!("1Mi"), "100"),
        ("limits.memory", none.clone(), json!("30Mi"), "4"),
        ("requests.memory", none.clone(), json!("1Mi"), "100"),
        ("limits.cpu", json!("b"), none.clone(), "4"),
        ("limits.memory", json!("b"), json!("1Gi"), "8"),
        ("requests.memory", json!("b"), none.clone(), "0"),
    ];
    for (name, container, divisor, expected) in table {
        assert_eq!(count(name, container.clone(), divisor).as_deref(), Ok(expected), "{name} {container}");
    }
    let error = |name: &str, container: Value, divisor: Value| {
        count(name, container, divisor).expect_err("refused").to_string()
    };
    assert_eq!(error("limits.gpu", none.clone(), none.clone()), "unsupported container resource: limits.gpu");
    assert_eq!(error("limits.cpu", json!("x"), none.clone()), "container x not found");
    let wrong = "divisor \"-1\" of limits.cpu is no amount above zero";
    assert_eq!(error("limits.cpu", none, json!("-1")), wrong);
}
