//! Discovery: what is served, in the aggregated form and in the older ones.

use serde_json::json;
use stanchion_kinds::table::Access;
use stanchion_machinery::Value;

use crate::api::Api;
use crate::catalog::{Group, GroupVersion};
use crate::http::{Accept, Reply};
use crate::resource::{Resource, api_version};

/// The version of Kubernetes whose API is served.
pub(crate) const VERSION: (&str, &str, &str) = ("1", "36", "v1.36.2");

const STORED: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Answers which version this is.
pub(crate) fn version() -> Reply {
    let (major, minor, git) = VERSION;
    let version = json!({
        "major": major, "minor": minor, "gitVersion": format!("{git}+stanchion.{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": option_env!("STANCHION_COMMIT").unwrap_or(""), "gitTreeState": "clean", "buildDate": "",
        "goVersion": "", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        "emulationMajor": major, "emulationMinor": minor, "minCompatibilityMajor": major, "minCompatibilityMinor": "35",
    });
    Reply::json(200, version.to_string())
}

fn verbs(resource: &Resource) -> &'static [&'static str] {
    match resource.access() {
        Access::Stored => STORED,
        Access::Review => &["create"],
        Access::ReadOnly => &["get", "list"],
    }
}

/// Answers which groups there are, in the form the client knows.
pub(crate) fn groups(api: &Api, core: bool, accept: &Accept, known: &str) -> Reply {
    let groups = api.catalog.groups();
    let groups = groups.into_iter().filter(|group| group.name.is_empty() == core);
    let wanted = accept.ranges().iter().find_map(|range| {
        let aggregated =
            range.parameter("g") == "apidiscovery.k8s.io" && range.parameter("as") == "APIGroupDiscoveryList";
        match (aggregated, range.parameter("v")) {
            (true, "v2") => Some(Some("v2")),
            (true, "v2beta1") => Some(Some("v2beta1")),
            (false, _) if range.is_json() => Some(None),
            (_, _) => None,
        }
    });
    match wanted.flatten() {
        Some(version) => {
            let items: Vec<Value> = groups.map(|group| aggregated(&group)).collect();
            let list = json!({
                "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
                "metadata": {}, "items": items,
            });
            let media = match version {
                "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
            };
            Reply::new(200, media, list.to_string())
                .tagged(&api.catalog.tag(None), known)
                .with("vary", "Accept")
        }
        None if core => {
            let versions = json!({
                "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": api.options.address}],
            });
            Reply::json(200, versions.to_string()).with("vary", "Accept")
        }
        None => {
            let groups: Vec<Value> = groups.map(|group| legacy_group(&group)).collect();
            let list = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups});
            Reply::json(200, list.to_string()).with("vary", "Accept")
        }
    }
}

fn kind(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

fn aggregated(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| {
            let resources: Vec<Value> = version.resources.iter().map(aggregated_resource).collect();
            json!({"version": version.version, "resources": resources, "freshness": "Current"})
        })
        .collect();
    json!({"metadata": {"name": group.name, "creationTimestamp": null}, "versions": versions})
}

fn aggregated_resource(resource: &Resource) -> Value {
    let own = kind(resource.group(), resource.version(), resource.kind());
    let mut described = json!({
        "resource": resource.plural(), "responseKind": own,
        "scope": if resource.namespaced() { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular(), "verbs": verbs(resource),
    });
    if !resource.short_names().is_empty() {
        described["shortNames"] = json!(resource.short_names());
    }
    if !resource.categories().is_empty() {
        described["categories"] = json!(resource.categories());
    }
    let parts: Vec<Value> = resource
        .subresources()
        .iter()
        .map(|sub| {
            let (g, v, k) = sub.wire().unwrap_or((resource.group(), resource.version(), resource.kind()));
            json!({"subresource": sub.as_str(), "responseKind": kind(g, v, k), "verbs": sub.verbs()})
        })
        .collect();
    if !parts.is_empty() {
        described["subresources"] = json!(parts);
    }
    described
}

fn legacy_group(group: &Group) -> Value {
    let version = |version: &GroupVersion| json!({"groupVersion": api_version(&group.name, &version.version), "version": version.version});
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    json!({"name": group.name, "versions": versions, "preferredVersion": versions.first()})
}

/// Answers `/api/v1`, `/apis/<group>` and `/apis/<group>/<version>`.
pub(crate) fn legacy(api: &Api, path: &str) -> Option<Reply> {
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    let groups = api.catalog.groups();
    let find = |name: &str| groups.iter().find(|group| group.name == name);
    match words.as_slice() {
        ["api", version] => resources(find("")?, version),
        ["apis", group, version] if !group.is_empty() => resources(find(group)?, version),
        ["apis", group] => {
            let mut object = legacy_group(find(group)?);
            object["kind"] = json!("APIGroup");
            object["apiVersion"] = json!("v1");
            Some(Reply::json(200, object.to_string()))
        }
        _ => None,
    }
}

fn resources(group: &Group, version: &str) -> Option<Reply> {
    let found = group.versions.iter().find(|found| found.version == version)?;
    let mut list = Vec::new();
    for resource in &found.resources {
        let mut described = json!({
            "name": resource.plural(), "singularName": resource.singular(), "namespaced": resource.namespaced(),
            "kind": resource.kind(), "verbs": verbs(resource),
        });
        if !resource.short_names().is_empty() {
            described["shortNames"] = json!(resource.short_names());
        }
        if !resource.categories().is_empty() {
            described["categories"] = json!(resource.categories());
        }
        list.push(described);
        for sub in resource.subresources() {
            let name = format!("{}/{}", resource.plural(), sub.as_str());
            let mut described = json!({
                "name": name, "singularName": "", "namespaced": resource.namespaced(),
                "kind": resource.kind(), "verbs": sub.verbs(),
            });
            if let Some((g, v, k)) = sub.wire() {
                described["kind"] = json!(k);
                described["group"] = json!(g);
                described["version"] = json!(v);
            }
            list.push(described);
        }
    }
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": api_version(&group.name, version), "resources": list,
    });
    Some(Reply::json(200, list.to_string()))
}

/// Answers which paths there are.
pub(crate) fn paths(api: &Api) -> Reply {
    let mut paths =
        vec!["/.well-known/openid-configuration".to_owned(), "/api".to_owned(), "/apis".to_owned()];
    for group in api.catalog.groups() {
        if !group.name.is_empty() {
            paths.push(format!("/apis/{}", group.name));
        }
        let root = if group.name.is_empty() { "/api".to_owned() } else { format!("/apis/{}", group.name) };
        paths.extend(group.versions.iter().map(|version| format!("{root}/{}", version.version)));
    }
    let rest = [
        "/healthz",
        "/livez",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/openid/v1/jwks",
        "/readyz",
        "/version",
    ];
    paths.extend(rest.map(str::to_owned));
    paths.sort();
    Reply::json(200, json!({ "paths": paths }).to_string())
}
