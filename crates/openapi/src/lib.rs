//! `OpenAPI` v3 documents of the group-versions that are served.
//!
//! What the types are (fields, formats, lists, patches, defaults) comes from the facts in `stanchion-kinds`; what
//! they are for, in words, from `k8s-openapi`. A document is made anew at each call, which takes some
//! milliseconds; nothing is kept. Whoever serves it keeps its bytes.
//!
//! ```text
//! ResourceDoc --> paths ----------------------------\
//! facts + words of k8s-openapi --> schemas ----------+--> document
//! CustomDoc --> schema + ObjectMeta + apiVersion.. --/
//! ```

mod custom;
mod operation;
mod parameters;
mod paths;
mod schema;
mod words;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub use custom::{CustomDoc, custom_document};
use words::Words;

pub(crate) const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/// A resource of a group-version.
#[derive(Clone, Copy, Debug)]
pub struct ResourceDoc<'a> {
    /// The name in the path, such as `pods`.
    pub plural: &'a str,
    /// The kind, such as `Pod`.
    pub kind: &'a str,
    /// The published name of the type, such as `io.k8s.api.core.v1.Pod`.
    pub type_name: &'a str,
    /// Whether objects are in namespaces.
    pub namespaced: bool,
    /// What can be done: `create`, `delete`, `deletecollection`, `get`, `list`, `patch`, `update`, `watch`.
    pub verbs: &'a [&'a str],
    /// What is under an object.
    pub subresources: &'a [SubresourceDoc<'a>],
}

/// A subresource: its kind may be of another group-version.
#[derive(Clone, Copy, Debug)]
pub struct SubresourceDoc<'a> {
    /// The name in the path, such as `status`.
    pub name: &'a str,
    /// The group of the kind.
    pub group: &'a str,
    /// The version of the kind.
    pub version: &'a str,
    /// The kind, such as `Scale`.
    pub kind: &'a str,
    /// The published name of the type; empty for one that answers with a text or a stream.
    pub type_name: &'a str,
    /// What can be done: `create`, `get`, `patch`, `update`.
    pub verbs: &'a [&'a str],
}

/// Makes the document of a built-in group-version; the group of the first kinds is empty.
pub fn document(group: &str, version: &str, resources: &[ResourceDoc<'_>]) -> Value {
    let mut wanted = meta_types();
    for resource in resources {
        wanted.push(resource.type_name.to_owned());
        wanted.extend(resource.subresources.iter().map(|sub| sub.type_name.to_owned()));
    }
    wanted.retain(|name| !name.is_empty());
    let mut schemas = schemas(wanted.iter().map(String::as_str));
    mark_meta_types(&mut schemas, group, version);
    for resource in resources {
        mark(&mut schemas, resource.type_name, (group, version, resource.kind));
        for sub in resource.subresources {
            mark(&mut schemas, sub.type_name, (sub.group, sub.version, sub.kind));
        }
        if resource.verbs.contains(&"list") {
            let list_kind = format!("{}List", resource.kind);
            let list = schema::list(resource.type_name, resource.kind, &schemas);
            let name = format!("{}List", resource.type_name);
            schemas.insert(name.clone(), list);
            mark(&mut schemas, &name, (group, version, &list_kind));
        }
    }
    let paths = paths::of_group_version(group, version, resources, operation::PATCHES);
    assemble(paths, schemas)
}

/// Returns the schemas of types, and of all that they refer to, by their published names.
///
/// Names that nothing is known of are left out.
pub fn schemas<'a>(type_names: impl IntoIterator<Item = &'a str>) -> Map<String, Value> {
    let mut words = Words::default();
    schema::reachable(type_names, &mut words)
}

/// Returns what a type is for, in words.
pub fn description(type_name: &str) -> Option<String> {
    let mut words = Words::default();
    words.of(type_name)?.get("description")?.as_str().map(str::to_owned)
}

/// The types of the answers and bodies that no resource names.
fn meta_types() -> Vec<String> {
    ["APIResourceList", "DeleteOptions", "ListMeta", "ObjectMeta", "Patch", "Status"]
        .map(|name| format!("{META}{name}"))
        .to_vec()
}

fn mark_meta_types(schemas: &mut Map<String, Value>, group: &str, version: &str) {
    for kind in ["APIResourceList", "DeleteOptions", "Status"] {
        mark(schemas, &format!("{META}{kind}"), ("", "v1", kind));
    }
    mark(schemas, &format!("{META}DeleteOptions"), (group, version, "DeleteOptions"));
}

/// Says of a schema which kind it is of, unless it does already.
fn mark(schemas: &mut Map<String, Value>, name: &str, (group, version, kind): (&str, &str, &str)) {
    let Some(Value::Object(schema)) = schemas.get_mut(name) else { return };
    let gvk = json!({"group": group, "kind": kind, "version": version});
    let marks = schema.entry("x-kubernetes-group-version-kind").or_insert_with(|| json!([]));
    if let Value::Array(marks) = marks
        && !marks.contains(&gvk)
    {
        marks.push(gvk);
    }
}

fn assemble(paths: Map<String, Value>, schemas: Map<String, Value>) -> Value {
    let mut document = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "components": {
            "securitySchemes": {
                "BearerToken": {
                    "description": "Bearer Token authentication",
                    "in": "header",
                    "name": "authorization",
                    "type": "apiKey",
                },
            },
        },
    });
    document["paths"] = Value::Object(paths);
    document["components"]["schemas"] = Value::Object(schemas);
    document
}
