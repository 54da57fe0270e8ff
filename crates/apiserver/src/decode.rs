//! Bodies of requests turned into objects.

use stanchion_kinds::table;
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::json::{self, Decoded};
use stanchion_machinery::status::{Reason, Status};
use stanchion_machinery::{Value, protobuf};

use crate::call::Call;
use crate::resource::Resource;

/// What is done about fields that are unknown or stand twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

impl FieldValidation {
    pub(crate) fn of(call: &Call) -> Result<Self, Status> {
        match call.query.text("fieldValidation") {
            "" | "Warn" => Ok(Self::Warn),
            "Ignore" => Ok(Self::Ignore),
            "Strict" => Ok(Self::Strict),
            other => {
                let path = Path::new("fieldValidation");
                let known = ["Ignore", "Strict", "Warn"];
                Err(call.bad_option(FieldError::not_supported(&path, other, &known)))
            }
        }
    }
}

/// An object of a request, with what the person at the client should know about it.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) object: Value,
    pub(crate) warnings: Vec<String>,
}

/// Reads the object of a create or update.
pub(crate) fn object(call: &Call) -> Result<Draft, Status> {
    let expected = (call.resource.api_version(), call.resource.kind().to_owned());
    let schema = matches!(call.resource, Resource::BuiltIn(_)).then(|| call.resource.schema());
    let decoded = value(call, schema, &expected)?;
    finish(call, &call.resource, decoded)
}

/// Reads a body that is an object of some other kind than the resource, such as a `Scale`.
pub(crate) fn other(
    call: &Call,
    group: &str,
    version: &str,
    kind: &str,
    type_name: &str,
) -> Result<Draft, Status> {
    let expected = (crate::resource::api_version(group, version), kind.to_owned());
    let schema = stanchion_kinds::schema::named(type_name);
    let decoded = value(call, schema, &expected)?;
    let (mut object, duplicates) = (decoded.value, decoded.duplicates);
    let Some(schema) = schema else { return Ok(Draft { object, warnings: duplicates }) };
    let mut problems = duplicates;
    problems.extend(json::unknown_fields(&object, schema));
    json::drop_unknown_fields(&mut object, schema);
    json::normalize(&mut object, schema);
    json::check_types(&object, schema).map_err(|error| cannot_handle(kind, version, kind, &error))?;
    let warnings = judge(FieldValidation::of(call)?, problems, kind, version)?;
    Ok(Draft { object, warnings })
}

/// Reads options in the body, such as `DeleteOptions`: of any version, and none at all is fine.
pub(crate) fn options(call: &Call, kind: &str) -> Result<Value, Status> {
    let schema = stanchion_kinds::schema::named(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"));
    if call.body.is_empty() {
        return Ok(Value::Object(stanchion_machinery::Map::new()));
    }
    let mut decoded = raw(call, schema, kind)?;
    let found = decoded.value.get("kind").and_then(Value::as_str).unwrap_or("");
    if !decoded.value.is_object() || !matches!(found, "") && found != kind {
        return Err(Status::bad_request(format!("the body is not an object of kind {kind}")));
    }
    if let Some(schema) = schema {
        json::normalize(&mut decoded.value, schema);
        json::check_types(&decoded.value, schema).map_err(|error| cannot_handle(kind, "v1", kind, &error))?;
    }
    Ok(decoded.value)
}

/// Finishes an object that was read or patched together: unknown fields, nulls, types.
pub(crate) fn finish(call: &Call, resource: &Resource, decoded: Decoded) -> Result<Draft, Status> {
    let (mut object, mut problems) = (decoded.value, decoded.duplicates);
    problems.extend(conform(resource, &mut object)?);
    let warnings = judge(FieldValidation::of(call)?, problems, resource.kind(), resource.version())?;
    Ok(Draft { object, warnings })
}

/// Brings an object to the schema of its resource; returns the fields that were left out.
pub(crate) fn conform(resource: &Resource, object: &mut Value) -> Result<Vec<String>, Status> {
    match resource {
        Resource::BuiltIn(kind) => {
            let schema = kind.schema();
            json::check_types(object, schema)
                .map_err(|error| cannot_handle(kind.kind, kind.version, kind.kind, &error))?;
            let unknown = json::unknown_fields(object, schema);
            if !unknown.is_empty() {
                json::drop_unknown_fields(object, schema);
            }
            json::normalize(object, schema);
            Ok(unknown)
        }
        Resource::Custom(custom) => {
            if let Some(metadata) = object.get("metadata") {
                json::check_types(metadata, crate::custom::object_meta()).map_err(|error| {
                    cannot_handle(resource.kind(), resource.version(), resource.kind(), &error)
                })?;
            }
            Ok(custom.prune(object))
        }
    }
}

fn judge(
    validation: FieldValidation,
    problems: Vec<String>,
    kind: &str,
    version: &str,
) -> Result<Vec<String>, Status> {
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(problems),
        FieldValidation::Strict if problems.is_empty() => Ok(problems),
        FieldValidation::Strict => {
            let text = format!("strict decoding error: {}", problems.join(", "));
            Err(cannot_handle(kind, version, kind, &text))
        }
    }
}

pub(crate) fn cannot_handle(
    kind: &str,
    version: &str,
    expected: &str,
    why: &dyn std::fmt::Display,
) -> Status {
    Status::bad_request(format!("{kind} in version {version:?} cannot be handled as a {expected}: {why}"))
}

type Expected = (String, String);

fn value(
    call: &Call,
    schema: Option<stanchion_machinery::schema::Schema<'_>>,
    expected: &Expected,
) -> Result<Decoded, Status> {
    let mut decoded = raw(call, schema, &expected.1)?;
    check_kind(&mut decoded.value, expected)?;
    Ok(decoded)
}

/// Reads a body in whichever form it came.
fn raw(
    call: &Call,
    schema: Option<stanchion_machinery::schema::Schema<'_>>,
    kind: &str,
) -> Result<Decoded, Status> {
    let media = call.content_type.split(';').next().unwrap_or("").trim();
    let malformed = |error: &dyn std::fmt::Display| {
        let body = summary(&call.body);
        let text = format!("the object provided is unrecognized (must be of type {kind}): {error} ({body})");
        Status::bad_request(text)
    };
    Ok(match media {
        "" | "application/json" => json::decode_json(&call.body).map_err(|error| {
            malformed(&format_args!("couldn't get version/kind; json parse error: {error}"))
        })?,
        "application/yaml" => json::decode_yaml(&call.body).map_err(|error| malformed(&error))?,
        "application/vnd.kubernetes.protobuf" => {
            let Some(schema) = schema else {
                return Err(unsupported(media, "application/json, application/yaml"));
            };
            let envelope = protobuf::decode_envelope(&call.body).map_err(|error| malformed(&error))?;
            let mut value = protobuf::decode(envelope.raw, schema).map_err(|error| malformed(&error))?;
            value["apiVersion"] = envelope.api_version.into();
            value["kind"] = envelope.kind.into();
            Decoded { value, duplicates: Vec::new() }
        }
        other => {
            let accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
            return Err(unsupported(other, accepted));
        }
    })
}

/// Returns the beginning of a body: as it is if it looks like JSON, else in hexadecimal.
fn summary(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let (shown, rest) = body.split_at(body.len().min(SHOWN));
    let text: String = match shown.first() {
        None => return "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(shown).into_owned(),
        Some(_) => shown.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(hex).collect(),
    };
    if rest.is_empty() { text } else { text + " ..." }
}

fn hex(nibble: u8) -> Option<char> {
    char::from_digit(nibble.into(), 16)
}

fn unsupported(media: &str, accepted: &str) -> Status {
    let text = format!(
        "the body of the request was in an unknown format ({media:?}) - accepted media types include: {accepted}"
    );
    Status::new(Reason::UnsupportedMediaType, text)
}

/// Says why an object of one kind is none of another, in the words of kube-apiserver.
fn stranger(api_version: &str, found: &str, expected: &str) -> String {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if table::kind(group, version, found).is_none() {
        let scheme = "pkg/api/legacyscheme/scheme.go:30";
        return format!("no kind {found:?} is registered for version {api_version:?} in scheme {scheme:?}");
    }
    let package = match group {
        "" | "events.k8s.io" => "core",
        _ => group.split('.').next().unwrap_or(group),
    };
    format!("converting ({version}.{found}) to ({package}.{expected}): unknown conversion")
}

/// Holds an object to the kind it must have; one that names none gets it.
pub(crate) fn check_kind(object: &mut Value, (api_version, kind): &Expected) -> Result<(), Status> {
    let Some(map) = object.as_object_mut() else {
        return Err(Status::bad_request(format!("the body is not an object of kind {kind}")));
    };
    for (key, expected) in [("apiVersion", api_version), ("kind", kind)] {
        match map.get(key) {
            None | Some(Value::Null) => {
                map.insert(key.to_owned(), expected.as_str().into());
            }
            Some(Value::String(found)) if found == expected => {}
            Some(Value::String(found)) if found.is_empty() => {
                map.insert(key.to_owned(), expected.as_str().into());
            }
            Some(found) if key == "apiVersion" => {
                let found = found.as_str().unwrap_or("");
                return Err(Status::bad_request(format!(
                    "the API version in the data ({found}) does not match the expected API version ({expected})"
                )));
            }
            Some(found) => {
                let found = found.as_str().unwrap_or("");
                let version = api_version.rsplit('/').next().unwrap_or("");
                return Err(cannot_handle(found, version, expected, &stranger(api_version, found, expected)));
            }
        }
    }
    Ok(())
}
