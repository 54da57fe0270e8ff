use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

const ALL: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

fn pods() -> Value {
    let sub = |name, group, version, kind, type_name, verbs| SubresourceDoc {
        name,
        group,
        version,
        kind,
        type_name,
        verbs,
    };
    let subresources = [
        sub("status", "", "v1", "Pod", "io.k8s.api.core.v1.Pod", &["get", "patch", "update"]),
        sub("eviction", "policy", "v1", "Eviction", "io.k8s.api.policy.v1.Eviction", &["create"]),
        sub("log", "", "v1", "Pod", "", &["get"]),
        sub("exec", "", "v1", "PodExecOptions", "", &["get", "create"]),
        sub("proxy", "", "v1", "PodProxyOptions", "", &["get"]),
    ];
    let pods = ResourceDoc {
        plural: "pods",
        kind: "Pod",
        type_name: "io.k8s.api.core.v1.Pod",
        namespaced: true,
        verbs: ALL,
        subresources: &subresources,
    };
    document("", "v1", &[pods])
}

/// Checks that every reference leads to a schema and that none has anything beside it.
fn check_references(at: &Value, schemas: &Map<String, Value>) -> usize {
    match at {
        Value::Object(map) => {
            let mut found = 0;
            if let Some(name) = map.get("$ref").and_then(Value::as_str) {
                let name = name.strip_prefix("#/components/schemas/").expect("a reference to a schema");
                assert!(schemas.contains_key(name), "{name} is referred to");
                assert_eq!(map.len(), 1, "{map:?}");
                found = 1;
            }
            found + map.values().map(|value| check_references(value, schemas)).sum::<usize>()
        }
        Value::Array(list) => list.iter().map(|value| check_references(value, schemas)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn schemas_of(document: &Value) -> &Map<String, Value> {
    document["components"]["schemas"].as_object().expect("schemas")
}

#[test]
fn a_document_is_closed_and_described() {
    let document = pods();
    let schemas = schemas_of(&document);
    let references = check_references(&document, schemas);
    assert!(references > 300, "{references}");
    let mut words = Words::default();
    for (name, schema) in schemas {
        let Some(said) = words.of(name) else {
            assert_eq!(name, "io.k8s.api.core.v1.PodList", "a type without words");
            continue;
        };
        assert!(said.contains_key("description"), "{name}");
        assert_eq!(schema["description"], said["description"], "{name}");
        let fields = said.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (field, said) in fields {
            assert_eq!(schema["properties"][field]["description"], said["description"], "{name}.{field}");
            assert_eq!(schema["properties"][field]["format"], said["format"], "{name}.{field}");
        }
    }
    // As many types as a Pod has parts, and a few more.
    assert!(schemas.len() > 120, "{}", schemas.len());
}

#[test]
fn every_served_type_has_words_for_every_field() {
    let names: BTreeSet<&str> = stanchion_kinds::schema::all().names().collect();
    let all = schemas(names.iter().copied());
    let mut bare = Vec::new();
    for name in names {
        let schema = &all[name];
        assert!(schema["description"].is_string(), "{name}");
        let fields = schema["properties"].as_object().into_iter().flatten();
        let fields = fields.filter(|(_, property)| !property["description"].is_string());
        let short = name.rsplit('.').next().expect("a last part");
        if !matches!(short, "JSONSchemaProps" | "ExternalDocumentation") {
            bare.extend(fields.map(|(field, _)| format!("{short}.{field}")));
        }
    }
    // Kubernetes itself has no words for these, nor for what JSON schema is made of.
    assert_eq!(bare, ["IngressRule.http"]);
}

#[test]
fn schemas_say_how_to_merge() {
    let document = pods();
    let schemas = schemas_of(&document);
    let spec = &schemas["io.k8s.api.core.v1.PodSpec"];
    let containers = &spec["properties"]["containers"];
    assert_eq!(containers["type"], "array");
    assert_eq!(containers["x-kubernetes-list-type"], "map");
    assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-patch-strategy"], "merge");
    assert_eq!(
        containers["items"],
        json!({"allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}], "default": {}})
    );
    assert_eq!(spec["properties"]["volumes"]["x-kubernetes-patch-strategy"], "merge,retainKeys");
    assert_eq!(spec["required"], json!(["containers"]));
    assert_eq!(schemas["io.k8s.api.core.v1.LocalObjectReference"]["x-kubernetes-map-type"], "atomic");
    let port = &schemas["io.k8s.api.core.v1.ContainerPort"]["properties"];
    assert_eq!(port["protocol"]["default"], "TCP");
    assert_eq!((&port["containerPort"]["default"], &port["hostPort"]["default"]), (&json!(0), &Value::Null));
    let resources = &schemas["io.k8s.api.core.v1.ResourceRequirements"]["properties"]["limits"];
    assert_eq!(
        resources["additionalProperties"],
        json!({"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"})
    );
    let pod = &schemas["io.k8s.api.core.v1.Pod"];
    assert_eq!(pod["properties"]["spec"]["default"], json!({}));
    assert_eq!(spec["properties"]["securityContext"].get("default"), None);
    let gvk = json!([{"group": "", "kind": "Pod", "version": "v1"}]);
    assert_eq!(pod["x-kubernetes-group-version-kind"], gvk);
}

#[test]
fn paths_say_which_kind_they_are_of_and_what_they_take() {
    let document = pods();
    let paths = document["paths"].as_object().expect("paths");
    let object = &paths["/api/v1/namespaces/{namespace}/pods/{name}"];
    for (path, methods) in [
        ("/api/v1/", "get"),
        ("/api/v1/pods", "get parameters"),
        ("/api/v1/namespaces/{namespace}/pods", "delete get parameters post"),
        ("/api/v1/namespaces/{namespace}/pods/{name}", "delete get parameters patch put"),
        ("/api/v1/namespaces/{namespace}/pods/{name}/status", "get parameters patch put"),
        ("/api/v1/namespaces/{namespace}/pods/{name}/eviction", "parameters post"),
        ("/api/v1/namespaces/{namespace}/pods/{name}/exec", "get parameters post"),
        ("/api/v1/namespaces/{namespace}/pods/{name}/log", "get parameters"),
        ("/api/v1/namespaces/{namespace}/pods/{name}/proxy/{path}", "get parameters"),
    ] {
        let found: BTreeSet<&str> = paths[path].as_object().expect(path).keys().map(String::as_str).collect();
        assert_eq!(found, methods.split(' ').collect(), "{path}");
    }
    for (method, query) in [
        ("patch", "dryRun fieldManager fieldValidation force"),
        ("put", "dryRun fieldManager fieldValidation"),
        (
            "delete",
            "dryRun gracePeriodSeconds ignoreStoreReadErrorWithClusterBreakingPotential orphanDependents propagationPolicy",
        ),
    ] {
        let operation = &object[method];
        let names: Vec<&str> = operation["parameters"]
            .as_array()
            .expect("parameters")
            .iter()
            .map(|p| p["name"].as_str().expect("a name"))
            .collect();
        assert_eq!(names.join(" "), query);
        assert_eq!(operation["x-kubernetes-action"], method);
        let gvk = json!({"group": "", "kind": "Pod", "version": "v1"});
        assert_eq!(operation["x-kubernetes-group-version-kind"], gvk);
    }
    assert_eq!(object["patch"]["operationId"], "patchCoreV1NamespacedPod");
    let eviction = &paths["/api/v1/namespaces/{namespace}/pods/{name}/eviction"]["post"];
    assert_eq!(eviction["x-kubernetes-group-version-kind"]["group"], "policy");
    let ids: Vec<&str> = paths
        .values()
        .flat_map(|item| item.as_object().expect("an item").values())
        .filter_map(|operation| operation.get("operationId")?.as_str())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

#[test]
fn groups_are_named_as_their_operations_are() {
    let role = ResourceDoc {
        plural: "clusterroles",
        kind: "ClusterRole",
        type_name: "io.k8s.api.rbac.v1.ClusterRole",
        namespaced: false,
        verbs: &["get"],
        subresources: &[],
    };
    let document = document("rbac.authorization.k8s.io", "v1", &[role]);
    let get = &document["paths"]["/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}"]["get"];
    assert_eq!(get["operationId"], "readRbacAuthorizationV1ClusterRole");
    assert_eq!(get["tags"], json!(["rbacAuthorization_v1"]));
    assert_eq!(document["paths"].as_object().map(Map::len), Some(2), "nothing can be listed");
}

#[test]
fn a_custom_resource_gets_what_every_object_has() {
    let schema = json!({
        "type": "object",
        "description": "A table of jobs.",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "cron": {"type": "string", "default": "* * * * *"},
                    "template": {"type": "object", "x-kubernetes-embedded-resource": true},
                },
            },
        },
    });
    let custom = CustomDoc {
        plural: "crontabs",
        kind: "CronTab",
        list_kind: "CronTabs",
        namespaced: true,
        schema: Some(&schema),
        status: true,
        scale: true,
    };
    let document = custom_document("stable.example.com", "v1", &[custom]);
    let schemas = schemas_of(&document);
    check_references(&document, schemas);
    let published = &schemas["com.example.stable.v1.CronTab"];
    assert_eq!(published["description"], "A table of jobs.");
    assert_eq!(
        published["properties"]["metadata"]["allOf"][0]["$ref"],
        "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    );
    let version = published["properties"]["apiVersion"]["description"].as_str().expect("words");
    assert!(version.starts_with("APIVersion defines"), "{version}");
    let spec = &published["properties"]["spec"]["properties"];
    assert_eq!(spec["cron"], schema["properties"]["spec"]["properties"]["cron"]);
    assert_eq!(spec["template"]["properties"]["kind"]["type"], "string");
    assert_eq!(
        schemas["com.example.stable.v1.CronTabList"]["x-kubernetes-group-version-kind"],
        json!([{"group": "stable.example.com", "kind": "CronTabs", "version": "v1"}])
    );
    let object = "/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}";
    let patch = &document["paths"][object]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "CronTab");
    let patches = patch["requestBody"]["content"].as_object().expect("media types");
    assert!(!patches.contains_key("application/strategic-merge-patch+json"));
    let scale = &document["paths"][format!("{object}/scale")]["put"];
    assert_eq!(scale["x-kubernetes-group-version-kind"]["kind"], "Scale");
    let bare =
        custom_document("a.b", "v1", &[CustomDoc { schema: None, status: false, scale: false, ..custom }]);
    assert_eq!(schemas_of(&bare)["b.a.v1.CronTab"]["type"], "object");
    assert_eq!(bare["paths"].get("/apis/a.b/v1/namespaces/{namespace}/crontabs/{name}/status"), None);
}

#[test]
fn a_description_can_be_had_alone() {
    let text = description("io.k8s.api.core.v1.PodSpec").expect("words");
    assert!(text.starts_with("PodSpec "), "{text}");
    assert_eq!(description("io.k8s.api.core.v1.Nothing"), None);
    assert_eq!(description("nothing"), None);
}
