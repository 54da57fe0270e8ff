//! scale: the number of replicas, the same way for everything that has one.

mod owners;

use serde_json::json;
use stanchion_kinds::columns::{self, Include};
use stanchion_machinery::apply::{self, Operation};
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::json::Decoded;
use stanchion_machinery::schema::Schema;
use stanchion_machinery::status::{Reason, Status};
use stanchion_machinery::{Value, meta, patch};

use crate::api::Api;
use crate::call::Call;
use crate::http::accept::Form;
use crate::http::{Reply, Verb};
use crate::resource::Resource;
use crate::strategy::Part;
use crate::verbs::create::Owner;
use crate::verbs::update::{Made, modify};
use crate::{clock, decode};

const APPLY: &str = "application/apply-patch+yaml";
const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";

/// Where the numbers stand in an object.
struct Places {
    replicas: String,
    status: String,
    selector: Option<String>,
}

impl Places {
    fn of(resource: &Resource) -> Self {
        let pointer = |path: &str| path.replace('.', "/");
        match resource {
            Resource::BuiltIn(_) => Self {
                replicas: "/spec/replicas".to_owned(),
                status: "/status/replicas".to_owned(),
                selector: None,
            },
            Resource::Custom(custom) => {
                let paths = custom.scale.clone();
                let of =
                    |get: fn(&crate::custom::ScalePaths) -> &String| paths.as_ref().map(|p| pointer(get(p)));
                Self {
                    replicas: of(|paths| &paths.replicas).unwrap_or_default(),
                    status: of(|paths| &paths.status_replicas).unwrap_or_default(),
                    selector: of(|paths| &paths.selector).filter(|path| !path.is_empty()),
                }
            }
        }
    }
}

/// Answers a request for the scale of an object.
pub(crate) async fn answer(api: &Api, call: &Call) -> Result<Reply, Status> {
    let form = call.form()?;
    let places = Places::of(&call.resource);
    let key = call.key();
    let object = match call.verb {
        Verb::Get => {
            let missing = || Status::not_found(call.resource.subject(), &key.name);
            let mut object = api.storage.get(&call.place(&key)).await?.ok_or_else(missing)?.object()?;
            call.resource.read_stored(&mut object);
            object
        }
        Verb::Update => {
            let draft = decode::other(call, "autoscaling", "v1", "Scale", SCALE)?;
            change(api, call, &places, |_| Ok(draft.object.clone())).await?
        }
        Verb::Patch if media(call) == APPLY => apply(api, call, &places).await?,
        Verb::Patch => change(api, call, &places, |scale| patched(call, scale)).await?,
        Verb::List | Verb::Watch | Verb::Create | Verb::Delete | Verb::DeleteCollection => {
            return Err(crate::api::not_allowed());
        }
    };
    let scale = scale(&places, &object)?;
    Ok(match form {
        Form::Object => Reply::object(200, &scale),
        Form::Metadata(version) => Reply::object(
            200,
            &json!({"kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{version}"), "metadata": scale["metadata"]}),
        ),
        Form::Table(version) => {
            let columns = columns::of("autoscaling", "Scale");
            let row = columns.row(&scale, clock::seconds(), Include::Metadata);
            let table = json!({
                "kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"),
                "metadata": {"resourceVersion": meta::resource_version(&scale)},
                "columnDefinitions": columns.definitions(), "rows": [row],
            });
            Reply::object(200, &table)
        }
    })
}

async fn change(
    api: &Api,
    call: &Call,
    places: &Places,
    make: impl Fn(Value) -> Result<Value, Status>,
) -> Result<Value, Status> {
    let owner = Owner::Update(call.manager()?);
    let (written, _) = modify(api, call, Part::Scale, &call.key(), |old| {
        let object = scaled(places, old, &make(scale(places, old)?)?)?;
        Ok(Made { object, owner: owner.clone(), warnings: Vec::new() })
    })
    .await?;
    Ok(written.object)
}

/// Applies a configuration of the scale.
async fn apply(api: &Api, call: &Call, places: &Places) -> Result<Value, Status> {
    let bad = |error: &dyn std::fmt::Display| Status::bad_request(format!("error decoding YAML: {error}"));
    let mut config = stanchion_machinery::json::decode_yaml(&call.body).map_err(|e| bad(&e))?.value;
    decode::check_kind(&mut config, &(owners::SCALE_VERSION.to_owned(), "Scale".to_owned()))?;
    let name = call.applier()?;
    let (time, api_version) = (clock::now(), call.resource.api_version());
    let manager = apply::Manager {
        name: &name,
        operation: Operation::Apply,
        api_version: owners::SCALE_VERSION,
        subresource: Part::Scale.name(),
        time: &time,
    };
    let force = call.query.flag("force");
    let (written, _) = modify(api, call, Part::Scale, &call.key(), |old| {
        let mut live = scale(places, old)?;
        meta::set(&mut live, "managedFields", owners::of_scale(old, &places.replicas));
        let merged =
            apply::apply(schema(), Some(&live), &config, &manager, force, &crate::ownership::NOTHING);
        let merged = merged.map_err(|error| error.to_status())?;
        let mut object = scaled(places, old, &merged)?;
        let owners = owners::of_object(old, &merged, &places.replicas, &api_version);
        meta::set(&mut object, "managedFields", owners);
        Ok(Made { object, owner: Owner::Applied, warnings: Vec::new() })
    })
    .await?;
    Ok(written.object)
}

/// Returns the object with the replicas that a scale wants.
fn scaled(places: &Places, old: &Value, wanted: &Value) -> Result<Value, Status> {
    let replicas = wanted.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    if replicas < 0 {
        let path = Path::new("spec").child("replicas");
        let error = FieldError::invalid(&path, replicas, "must be greater than or equal to 0");
        return Err(Status::invalid("autoscaling", "Scale", meta::name(old), &[error]));
    }
    let mut object = old.clone();
    let version = meta::resource_version(wanted);
    if !version.is_empty() {
        meta::set(&mut object, "resourceVersion", version);
    }
    set(&mut object, &places.replicas, json!(replicas));
    Ok(object)
}

fn schema() -> Schema<'static> {
    stanchion_kinds::schema::named(SCALE).expect("the table has Scale")
}

fn media(call: &Call) -> &str {
    call.content_type.split(';').next().unwrap_or("").trim()
}

fn patched(call: &Call, mut scale: Value) -> Result<Value, Status> {
    let (name, uid) = (meta::name(&scale).to_owned(), meta::uid(&scale).to_owned());
    let media = media(call);
    let refused = |error: patch::PatchError| error.status();
    let bad = |error: &dyn std::fmt::Display| Status::bad_request(format!("error decoding patch: {error}"));
    let Decoded { value, .. } =
        stanchion_machinery::json::decode_json(&call.body).map_err(|error| bad(&error))?;
    let schema = schema();
    match media {
        "application/json-patch+json" => patch::json::apply_json(&mut scale, &value).map_err(refused)?,
        "application/merge-patch+json" => patch::merge::apply_merge(&mut scale, value),
        "application/strategic-merge-patch+json" => {
            patch::strategic::apply_strategic(&mut scale, value, schema).map_err(refused)?;
        }
        other => {
            let text = format!("the body of the request was in an unknown format ({other:?})");
            return Err(Status::new(Reason::UnsupportedMediaType, text));
        }
    }
    decode::check_kind(&mut scale, &("autoscaling/v1".to_owned(), "Scale".to_owned()))?;
    stanchion_machinery::json::check_types(&scale, schema)
        .map_err(|error| decode::cannot_handle("Scale", "v1", "Scale", &error))?;
    if meta::name(&scale) != name {
        let given = meta::name(&scale);
        let text = format!("the name of the object ({given}) does not match the name on the URL ({name})");
        return Err(Status::bad_request(text));
    }
    if meta::uid(&scale) != uid {
        let given = meta::uid(&scale);
        let why = format!("Precondition failed: UID in precondition: {given}, UID in object meta: {uid}");
        return Err(Status::conflict(call.resource.subject(), &name, &why));
    }
    Ok(scale)
}

/// Sets what a pointer names, with everything on the way to it.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut at = object;
    let mut keys = pointer.split('/').filter(|key| !key.is_empty()).peekable();
    while let Some(key) = keys.next() {
        let map = meta::object_mut(at);
        if keys.peek().is_none() {
            map.insert(key.to_owned(), value);
            return;
        }
        at = map.entry(key.to_owned()).or_insert_with(|| json!({}));
    }
}

/// Returns the scale of an object.
fn scale(places: &Places, object: &Value) -> Result<Value, Status> {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let selector = if let Some(pointer) = &places.selector {
        object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned()
    } else {
        let selector = object.pointer("/spec/selector").cloned().unwrap_or_default();
        let labelled = selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some();
        let labels = if labelled || selector.is_null() {
            stanchion_machinery::selector::Labels::from_object(&selector)
        } else {
            stanchion_machinery::selector::Labels::from_map(&selector)
        };
        labels.map_err(Status::internal)?.to_string()
    };
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        let text = meta::text(object, key);
        if !text.is_empty() {
            metadata[key] = json!(text);
        }
    }
    let mut status = json!({"replicas": number(&places.status)});
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    Ok(json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": number(&places.replicas)}, "status": status,
    }))
}
