//! Documents of the kinds that custom resource definitions define.

use serde_json::{Map, Value, json};

use crate::operation::CUSTOM_PATCHES;
use crate::schema::{common_field, list, reference};
use crate::{META, ResourceDoc, SubresourceDoc, assemble, mark, mark_meta_types, meta_types, paths, schemas};

const VERBS: &[&str] = &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const SUBRESOURCE_VERBS: &[&str] = &["get", "patch", "update"];
/// What Kubernetes says of the metadata of every object.
const METADATA: &str = "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";

/// One version of a custom resource.
#[derive(Clone, Copy, Debug)]
pub struct CustomDoc<'a> {
    /// The name in the path.
    pub plural: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// The kind of lists, which need not end in `List`.
    pub list_kind: &'a str,
    /// Whether objects are in namespaces.
    pub namespaced: bool,
    /// The `openAPIV3Schema` of the version; none publishes just an object.
    pub schema: Option<&'a Value>,
    /// Whether there is the subresource `status`.
    pub status: bool,
    /// Whether there is the subresource `scale`.
    pub scale: bool,
}

/// Makes the document of a group-version of custom resources.
pub fn custom_document(group: &str, version: &str, resources: &[CustomDoc<'_>]) -> Value {
    let mut wanted = meta_types();
    if resources.iter().any(|resource| resource.scale) {
        wanted.push(SCALE.to_owned());
    }
    let mut schemas = schemas(wanted.iter().map(String::as_str));
    mark_meta_types(&mut schemas, group, version);
    mark(&mut schemas, SCALE, ("autoscaling", "v1", "Scale"));
    let mut all_paths = Map::new();
    for resource in resources {
        let name = type_name(group, version, resource.kind);
        let published = published(resource.schema, &schemas);
        schemas.insert(name.clone(), published);
        mark(&mut schemas, &name, (group, version, resource.kind));
        let list_name = format!("{name}List");
        let list = list(&name, resource.kind, &schemas);
        schemas.insert(list_name.clone(), list);
        mark(&mut schemas, &list_name, (group, version, resource.list_kind));
        all_paths.extend(paths_of(group, version, resource, &name));
    }
    assemble(all_paths, schemas)
}

fn paths_of(group: &str, version: &str, custom: &CustomDoc<'_>, type_name: &str) -> Map<String, Value> {
    let status = SubresourceDoc {
        name: "status",
        group,
        version,
        kind: custom.kind,
        type_name,
        verbs: SUBRESOURCE_VERBS,
    };
    let scale = SubresourceDoc {
        name: "scale",
        group: "autoscaling",
        version: "v1",
        kind: "Scale",
        type_name: SCALE,
        verbs: SUBRESOURCE_VERBS,
    };
    let subresources: Vec<SubresourceDoc<'_>> =
        custom.status.then_some(status).into_iter().chain(custom.scale.then_some(scale)).collect();
    let resource = ResourceDoc {
        plural: custom.plural,
        kind: custom.kind,
        type_name,
        namespaced: custom.namespaced,
        verbs: VERBS,
        subresources: &subresources,
    };
    paths::of_group_version(group, version, &[resource], CUSTOM_PATCHES)
}

/// Returns the name that a custom type is published by: the group backwards, the version, the kind.
fn type_name(group: &str, version: &str, kind: &str) -> String {
    let words: Vec<&str> = group.rsplit('.').chain([version, kind]).collect();
    words.join(".")
}

/// Returns the schema as it is published: with the fields that every object has.
fn published(schema: Option<&Value>, schemas: &Map<String, Value>) -> Value {
    let mut metadata = reference(&format!("{META}ObjectMeta"));
    metadata["description"] = METADATA.into();
    let fields = [
        ("apiVersion", common_field("apiVersion", schemas)),
        ("kind", common_field("kind", schemas)),
        ("metadata", metadata),
    ];
    let mut out =
        schema.filter(|schema| schema.is_object()).cloned().unwrap_or_else(|| json!({"type": "object"}));
    embedded(&mut out, &fields);
    object_fields(&mut out, &fields);
    out
}

type Fields = [(&'static str, Value)];

fn object_fields(schema: &mut Value, fields: &Fields) {
    let Some(schema) = schema.as_object_mut() else { return };
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.extend(fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone())));
    }
}

/// Gives objects within an object the fields that every object has.
fn embedded(schema: &mut Value, fields: &Fields) {
    let Some(map) = schema.as_object_mut() else { return };
    for key in ["properties", "patternProperties"] {
        let inner = map.get_mut(key).and_then(Value::as_object_mut);
        inner.into_iter().flat_map(Map::values_mut).for_each(|inner| embedded(inner, fields));
    }
    for key in ["items", "additionalProperties"] {
        map.get_mut(key).into_iter().for_each(|inner| embedded(inner, fields));
    }
    if map.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true)) {
        object_fields(schema, fields);
    }
}
