//! What happens to an object on its way in, whatever its kind: metadata, status, generation.

use stanchion_kinds::table::Subresource;
use stanchion_kinds::{defaults, validate};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::json;
use stanchion_machinery::status::Status;
use stanchion_machinery::structural::crd;
use stanchion_machinery::{Map, Value, meta};

use crate::call::Call;
use crate::http::Verb;
use crate::resource::Resource;
use crate::{clock, names};

/// The kind whose schemas have rules of their own.
const DEFINITION: &str = "CustomResourceDefinition";

/// Gives a new object its identity and takes away what clients cannot set.
pub(crate) fn begin_create(call: &Call, object: &mut Value) -> Result<(), Status> {
    if !meta::resource_version(object).is_empty() {
        return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
    }
    namespace(call, object)?;
    let generate = meta::text(object, "generateName").to_owned();
    if meta::name(object).is_empty() && !generate.is_empty() {
        meta::set(object, "name", names::generate(&generate));
    }
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        meta::set(object, key, Value::Null);
    }
    meta::set(object, "uid", names::uid());
    meta::set(object, "creationTimestamp", clock::now());
    let generation = if call.resource.counts_generation() { Value::from(1) } else { Value::Null };
    meta::set(object, "generation", generation);
    if call.resource.has(Subresource::Status)
        && !comes_with_status(&call.resource)
        && let Some(map) = object.as_object_mut()
    {
        map.remove("status");
    }
    Ok(())
}

/// Returns whether new objects bring what was observed: a kubelet registers its Node with what it has.
fn comes_with_status(resource: &Resource) -> bool {
    resource.is("", "nodes")
}

/// Holds the name and the namespace of an object to those of the URL.
pub(crate) fn check_place(call: &Call, object: &Value) -> Result<(), Status> {
    let (name, url) = (meta::name(object), call.target.name.as_str());
    if name.is_empty() {
        let text =
            format!("the name of the object ({url} based on URL) was undeterminable: name must be provided");
        return Err(Status::bad_request(text));
    }
    if name != url {
        let text = format!("the name of the object ({name}) does not match the name on the URL ({url})");
        return Err(Status::bad_request(text));
    }
    let (namespace, url) = (meta::namespace(object), call.namespace());
    if call.resource.namespaced() && !namespace.is_empty() && namespace != url {
        let text = format!(
            "the namespace of the object ({namespace}) does not match the namespace on the request ({url})"
        );
        return Err(Status::bad_request(text));
    }
    Ok(())
}

/// Holds the namespace of an object to the one of the request.
fn namespace(call: &Call, object: &mut Value) -> Result<(), Status> {
    let given = meta::namespace(object);
    if !call.resource.namespaced() {
        if !given.is_empty() {
            meta::set(object, "namespace", Value::Null);
        }
        return Ok(());
    }
    if given.is_empty() {
        meta::set(object, "namespace", call.namespace());
    } else if given != call.namespace() {
        let text = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Status::bad_request(text));
    }
    Ok(())
}

/// Fills in the defaults of a kind.
pub(crate) fn default(resource: &Resource, object: &mut Value) {
    match resource {
        Resource::BuiltIn(kind) => {
            if kind.kind == DEFINITION {
                crd::default_crd(object);
            } else if !defaults::pods::apply(kind.group, kind.kind, object) {
                defaults::objects::apply(kind.group, kind.kind, object);
            }
            json::complete(object, kind.schema());
        }
        Resource::Custom(custom) => custom.default(object),
    }
}

/// Does what the kind does to its new objects.
pub(crate) fn prepare_create(resource: &Resource, object: &mut Value) {
    if let Resource::BuiltIn(kind) = resource {
        defaults::pods::prepare_create(kind.group, kind.kind, object);
        defaults::objects::prepare_create(kind.group, kind.kind, object);
    }
}

/// Says what is wrong with a new object.
pub(crate) fn validate_create(resource: &Resource, object: &Value) -> FieldErrors {
    match resource {
        Resource::BuiltIn(kind) => {
            let rule = validate::metadata::name_rule(kind.group, kind.kind);
            let mut errors = validate::metadata::create(object, kind.namespaced, rule);
            let own = validate::pods::create(kind.group, kind.kind, object)
                .or_else(|| validate::objects::create(kind.group, kind.kind, object));
            errors.extend(own.into_iter().flatten());
            if kind.kind == DEFINITION {
                errors.extend(validate_definition(object, None));
            }
            errors
        }
        Resource::Custom(custom) => custom.validate(object, None),
    }
}

/// Says what is wrong with a `CustomResourceDefinition`, the rules of its schemas included.
fn validate_definition(new: &Value, old: Option<&Value>) -> FieldErrors {
    let mut errors = crd::validate_crd(new, old);
    if !errors.is_empty() {
        return errors;
    }
    let versions = new.pointer("/spec/versions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (index, version) in versions.iter().enumerate() {
        let name = version["name"].as_str().unwrap_or("");
        let path = Path::new("spec").child("versions").index(index).child("schema").child("openAPIV3Schema");
        if let Some(Ok(schema)) = crd::schema_of(new, name)
            && let Err(found) = stanchion_rules::Rules::compile(&schema, &path)
        {
            errors.extend(found);
        }
    }
    errors
}

/// What of an object an update may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What is wanted, and the metadata.
    Main,
    /// What is observed.
    Status,
    /// The containers added to a running Pod.
    EphemeralContainers,
    /// The resources of a running Pod.
    Resize,
    /// The finalizers of a namespace.
    Finalize,
    /// The number of replicas.
    Scale,
    /// Everything: a change the server makes.
    Whole,
}

impl Part {
    /// Returns the name of the subresource, empty for the object itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Main | Self::Whole => "",
            Self::Status => "status",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
            Self::Finalize => "finalize",
            Self::Scale => "scale",
        }
    }
}

/// Checks that an update is about the object that is there.
pub(crate) fn check_identity(call: &Call, new: &mut Value, old: &Value) -> Result<(), Status> {
    let subject = call.resource.subject();
    let name = meta::name(old).to_owned();
    namespace(call, new)?;
    if meta::name(new).is_empty() {
        meta::set(new, "name", name.as_str());
    }
    if meta::name(new) != name {
        let text = format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            meta::name(new)
        );
        return Err(Status::bad_request(text));
    }
    let (uid, own) = (meta::uid(new), meta::uid(old));
    if !uid.is_empty() && uid != own {
        if call.verb == Verb::Patch {
            let error = FieldError::invalid(&Path::new("metadata").child("uid"), uid, "field is immutable");
            return Err(Status::invalid(call.resource.group(), call.resource.kind(), &name, &[error]));
        }
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {own}");
        return Err(Status::conflict(subject, &name, &why));
    }
    let version = meta::resource_version(new);
    if !version.is_empty() && version != "0" && version != meta::resource_version(old) {
        return Err(Status::modified(subject, &name));
    }
    Ok(())
}

/// Returns the failure of an update that does not say which version it changes, where it has to.
pub(crate) fn check_conditional(resource: &Resource, new: &Value) -> FieldErrors {
    let must = match resource {
        Resource::BuiltIn(kind) => validate::metadata::requires_resource_version(kind.group, kind.kind),
        Resource::Custom(_) => true,
    };
    if must && matches!(meta::resource_version(new), "" | "0") {
        let path = Path::new("metadata").child("resourceVersion");
        return vec![FieldError::invalid(&path, 0, "must be specified for an update")];
    }
    FieldErrors::new()
}

/// Keeps of the old object what this part cannot change, and counts the generation.
pub(crate) fn prepare_update(resource: &Resource, part: Part, new: &mut Value, old: &Value) {
    for key in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        let kept = old.get("metadata").and_then(|metadata| metadata.get(key)).cloned().unwrap_or_default();
        if key == "generation" || meta::metadata_mut(new).get(key).is_none_or(Value::is_null) {
            meta::set(new, key, kept);
        }
    }
    meta::set(new, "resourceVersion", meta::resource_version(old));
    meta::set(new, "selfLink", Value::Null);
    match part {
        Part::Main if resource.has(Subresource::Status) => copy(new, old, "status"),
        Part::Main | Part::Whole | Part::Scale => {}
        Part::Status => keep_all_but_status(resource, new, old),
        Part::EphemeralContainers => defaults::pods::prepare_ephemeral_containers(new, old),
        Part::Resize => defaults::pods::prepare_resize(new, old),
        Part::Finalize => copy(new, old, "status"),
    }
    if let Resource::BuiltIn(kind) = resource
        && part == Part::Status
    {
        defaults::pods::prepare_status(kind.group, kind.kind, new, old);
    }
    if let Resource::BuiltIn(kind) = resource
        && part == Part::Main
    {
        defaults::pods::prepare_update(kind.group, kind.kind, new, old);
        defaults::objects::prepare_update(kind.group, kind.kind, new, old);
    }
    if resource.counts_generation()
        && !matches!(part, Part::Status | Part::Whole)
        && wants_differ(new, old, resource)
    {
        meta::set(new, "generation", meta::generation(old) + 1);
    }
}

/// Returns whether what is wanted differs: everything but the metadata and a status of its own.
fn wants_differ(new: &Value, old: &Value, resource: &Resource) -> bool {
    let apart = |key: &str| key == "metadata" || key == "status" && resource.has(Subresource::Status);
    let (Some(new), Some(old)) = (new.as_object(), old.as_object()) else { return false };
    let mut keys = new.keys().chain(old.keys()).filter(|key| !apart(key));
    keys.any(|key| new.get(key) != old.get(key)) || resource.is("apps", "deployments") && annotated(new, old)
}

/// Returns whether annotations differ: a Deployment hands them down to its `ReplicaSet`s.
fn annotated(new: &Map<String, Value>, old: &Map<String, Value>) -> bool {
    let annotations = |object: &Map<String, Value>| object.get("metadata")?.get("annotations").cloned();
    annotations(new) != annotations(old)
}

fn copy(new: &mut Value, old: &Value, key: &str) {
    let Some(map) = new.as_object_mut() else { return };
    match old.get(key) {
        Some(value) => {
            map.insert(key.to_owned(), value.clone());
        }
        None => {
            map.remove(key);
        }
    }
}

fn keep_all_but_status(resource: &Resource, new: &mut Value, old: &Value) {
    let status = new.get_mut("status").map(Value::take);
    let metadata = new.get_mut("metadata").map(Value::take).unwrap_or_default();
    *new = old.clone();
    match (resource, status) {
        (_, Some(status)) if !status.is_null() => {
            new["status"] = status;
        }
        (_, _) => {
            if let Some(map) = new.as_object_mut() {
                map.remove("status");
            }
        }
    }
    let carried: &[&str] = match resource {
        Resource::Custom(_) => &["managedFields"],
        Resource::BuiltIn(kind) if kind.group == "apps" => &["managedFields", "annotations", "finalizers"],
        Resource::BuiltIn(_) => &["managedFields", "annotations", "finalizers", "labels"],
    };
    for key in carried {
        meta::set(new, key, metadata.get(*key).cloned().unwrap_or_default());
    }
}

/// Says what is wrong with a changed object.
pub(crate) fn validate_update(resource: &Resource, part: Part, new: &Value, old: &Value) -> FieldErrors {
    match resource {
        Resource::BuiltIn(kind) => {
            let (group, name) = (kind.group, kind.kind);
            let mut errors = validate::metadata::update(new, old);
            let own = match part {
                Part::Main | Part::Scale => validate::pods::update(group, name, new, old)
                    .or_else(|| validate::objects::update(group, name, new, old)),
                Part::Status => validate::pods::update_status(group, name, new, old)
                    .or_else(|| validate::objects::update_status(group, name, new, old)),
                Part::EphemeralContainers => Some(validate::pods::ephemeral_containers(new, old)),
                Part::Resize => Some(validate::pods::resize(new, old)),
                // What the server makes of an object is not held to what clients may change.
                Part::Finalize | Part::Whole => None,
            };
            errors.extend(own.into_iter().flatten());
            if kind.kind == DEFINITION && part == Part::Main {
                errors.extend(validate_definition(new, Some(old)));
            }
            errors
        }
        Resource::Custom(custom) => custom.validate(new, Some(old)),
    }
}
