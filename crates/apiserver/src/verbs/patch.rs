//! patch: a change described by a JSON patch, a merge patch, a strategic merge patch, or what is to be applied.

use stanchion_machinery::apply::{self, Operation};
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::json::{self, Decoded};
use stanchion_machinery::patch::{self, PatchError};
use stanchion_machinery::status::{Reason, Status};
use stanchion_machinery::{Value, meta};

use super::create::{self, Owner, ignored};
use super::update::{Made, modify};
use crate::api::Api;
use crate::call::Call;
use crate::clock;
use crate::decode::{self, FieldValidation};
use crate::http::Reply;
use crate::present::Presenter;
use crate::resource::Resource;
use crate::strategy::{self, Part};

/// The sorts of patches, by their media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl Sort {
    fn of(call: &Call) -> Result<Self, Status> {
        let media = call.content_type.split(';').next().unwrap_or("").trim();
        let custom = matches!(call.resource, Resource::Custom(_));
        match media {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" if !custom => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ => {
                let mut accepted = vec!["application/json-patch+json", "application/merge-patch+json"];
                if !custom {
                    accepted.push("application/strategic-merge-patch+json");
                }
                accepted.push("application/apply-patch+yaml");
                let text = format!(
                    "the body of the request was in an unknown format - accepted media types include: {}",
                    accepted.join(", ")
                );
                Err(Status::new(Reason::UnsupportedMediaType, text))
            }
        }
    }
}

/// Changes an object as the body describes.
pub(crate) async fn patch(api: &Api, call: &Call, part: Part) -> Result<Reply, Status> {
    let presenter = Presenter::new(&call.resource, call.form()?, &call.query)?;
    let (written, code, warnings) = match Sort::of(call)? {
        Sort::Apply => apply(api, call, part).await?,
        sort => {
            if call.query.has("force") {
                let why = "may not be specified for non-apply patch";
                return Err(call.bad_option(FieldError::forbidden(&Path::new("force"), why)));
            }
            let patch = body(call, sort)?;
            let owner = Owner::Update(call.manager()?);
            let key = call.key();
            let made = modify(api, call, part, &key, |old| patched(call, sort, &patch, old, &owner));
            let (written, warnings) = made.await?;
            (written, 200, warnings)
        }
    };
    Ok(written.reply(call, &presenter, code)?.warn(warnings))
}

fn body(call: &Call, sort: Sort) -> Result<Decoded, Status> {
    let decoded = json::decode_json(&call.body)
        .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
    match (sort, &decoded.value) {
        (Sort::Json, Value::Array(_)) | (Sort::Merge | Sort::Strategic | Sort::Apply, Value::Object(_)) => {
            Ok(decoded)
        }
        (Sort::Json, _) => {
            Err(Status::bad_request("error decoding patch: a JSON patch is a list of operations"))
        }
        (Sort::Merge | Sort::Strategic | Sort::Apply, _) => {
            Err(Status::bad_request("error decoding patch: the patch is not an object"))
        }
    }
}

fn patched(call: &Call, sort: Sort, patch: &Decoded, old: &Value, owner: &Owner) -> Result<Made, Status> {
    let refused = |error: PatchError| error.status();
    let mut object = old.clone();
    match sort {
        Sort::Json => patch::json::apply_json(&mut object, &patch.value).map_err(refused)?,
        Sort::Merge => patch::merge::apply_merge(&mut object, patch.value.clone()),
        Sort::Strategic => {
            patch::strategic::apply_strategic(&mut object, patch.value.clone(), call.resource.schema())
                .map_err(refused)?;
        }
        Sort::Apply => {}
    }
    let expected = (call.resource.api_version(), call.resource.kind().to_owned());
    decode::check_kind(&mut object, &expected)?;
    let decoded = Decoded { value: object, duplicates: patch.duplicates.clone() };
    let draft = decode::finish(call, &call.resource, decoded)?;
    strategy::check_place(call, &draft.object)?;
    Ok(Made { object: draft.object, owner: owner.clone(), warnings: draft.warnings })
}

async fn apply(api: &Api, call: &Call, part: Part) -> Result<(create::Written, u16, Vec<String>), Status> {
    let config = configuration(call)?;
    let manager = call.applier()?;
    let key = call.key();
    if part == Part::Main && api.storage.get(&call.place(&key)).await?.is_none() {
        let object = applied(call, part, &manager, None, &config.value)?;
        let draft = decode::finish(
            call,
            &call.resource,
            Decoded { value: object, duplicates: config.duplicates.clone() },
        )?;
        match create::store(api, call, draft.object, &Owner::Applied).await {
            Err(status) if status.reason == Reason::AlreadyExists => {}
            created => return Ok((created?, 201, draft.warnings)),
        }
    }
    let made = modify(api, call, part, &key, |old| {
        let object = applied(call, part, &manager, Some(old), &config.value)?;
        let decoded = Decoded { value: object, duplicates: config.duplicates.clone() };
        let draft = decode::finish(call, &call.resource, decoded)?;
        Ok(Made { object: draft.object, owner: Owner::Applied, warnings: draft.warnings })
    });
    let (written, warnings) = made.await?;
    Ok((written, 200, warnings))
}

/// Reads what is to be applied, and holds it to the object of the request.
fn configuration(call: &Call) -> Result<Decoded, Status> {
    let mut decoded = json::decode_yaml(&call.body)
        .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))?;
    let expected = (call.resource.api_version(), call.resource.kind().to_owned());
    for key in ["apiVersion", "kind"] {
        if decoded.value.get(key).and_then(Value::as_str).unwrap_or("").is_empty() {
            return Err(Status::bad_request(format!(
                "invalid object type: {key} must be set in what is applied"
            )));
        }
    }
    decode::check_kind(&mut decoded.value, &expected)?;
    // Below a name is put there, and nothing may hide beneath it.
    if decoded.value.get("metadata").is_some_and(|metadata| !metadata.is_object() && !metadata.is_null()) {
        return Err(Status::bad_request("invalid object type: metadata is not an object"));
    }
    let name = call.target.name.as_str();
    match meta::name(&decoded.value) {
        "" => meta::set(&mut decoded.value, "name", name),
        given if given != name => {
            let text =
                format!("the name of the object ({given}) does not match the name on the URL ({name})");
            return Err(Status::bad_request(text));
        }
        _ => {}
    }
    if FieldValidation::of(call)? == FieldValidation::Strict && !decoded.duplicates.is_empty() {
        let text = format!("error strict decoding YAML: {}", decoded.duplicates.join(", "));
        return Err(Status::bad_request(text));
    }
    Ok(decoded)
}

fn applied(
    call: &Call,
    part: Part,
    manager: &str,
    live: Option<&Value>,
    config: &Value,
) -> Result<Value, Status> {
    let (time, api_version) = (clock::now(), call.resource.api_version());
    let manager = apply::Manager {
        name: manager,
        operation: Operation::Apply,
        api_version: &api_version,
        subresource: part.name(),
        time: &time,
    };
    let force = call.query.flag("force");
    let merged =
        apply::apply(call.resource.schema(), live, config, &manager, force, ignored(&call.resource, part));
    merged.map_err(|error| error.to_status())
}
