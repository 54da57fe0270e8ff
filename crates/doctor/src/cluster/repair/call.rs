//! Requests that change something, or would.

use http::Request as HttpRequest;
use http::header::CONTENT_TYPE;
use kube::Client;
use serde_json::{Value, json};
use stanchion_doctor_core::{FIELD_MANAGER, Request, Target};

use super::ObjectError;

/// In how much earnest something is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing is kept of it. Conflicts about fields are not looked at: whose they are is known otherwise.
    Try,
    /// It is done, unless the object has changed or somebody else owns the fields.
    Do,
    /// It is done, unless the object has changed; what others own is taken over.
    TakeOver,
}

/// Sends a request, and returns the object that comes of it.
pub(super) async fn send(
    client: &Client,
    target: &Target,
    edit: &str,
    request: &Request,
    before: &Value,
    mode: Mode,
) -> Result<Value, ObjectError> {
    let dry_run = if mode == Mode::Try { "&dryRun=All" } else { "" };
    // What is applied under one name is all that this name wants: each edit has its own.
    let applies = format!("fieldManager={FIELD_MANAGER}-{edit}&force={}{dry_run}", mode != Mode::Do);
    let patches = format!("fieldManager={FIELD_MANAGER}{dry_run}");
    let (what, method, uri, kind, body) = match request {
        Request::Patch(patch) => (
            "patch",
            "PATCH",
            format!("{}?{patches}", target.path()),
            "application/json-patch+json",
            patch.clone(),
        ),
        Request::Apply(object) => (
            "apply",
            "PATCH",
            format!("{}?{applies}", target.path()),
            "application/apply-patch+yaml",
            as_it_was(object, before, mode),
        ),
        Request::Create(object) => {
            ("make", "POST", format!("{}?{patches}", target.list_path()), "application/json", object.clone())
        }
        Request::Delete => {
            ("delete", "DELETE", target.path(), "application/json", delete_options(before, mode))
        }
    };
    let request = HttpRequest::builder().method(method).uri(uri).header(CONTENT_TYPE, kind);
    let request = request
        .body(body.to_string().into_bytes())
        .map_err(|source| ObjectError::Request { target: target.clone(), source })?;
    let answer = client.request(request).await;
    answer.map_err(|source| ObjectError::Api { what, target: target.clone(), source: Box::new(source) })
}

/// Returns what is applied. In earnest that is to the very state that was looked at: what is taken over by force might have got
/// another owner since.
fn as_it_was(object: &Value, before: &Value, mode: Mode) -> Value {
    let mut object = object.clone();
    if let Some(version) = before.pointer("/metadata/resourceVersion").filter(|_| mode != Mode::Try) {
        object["metadata"]["resourceVersion"] = version.clone();
    }
    object
}

/// Deletes the very object that was looked at, in the state in which it was.
fn delete_options(before: &Value, mode: Mode) -> Value {
    let mut options = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {
            "uid": before.pointer("/metadata/uid"),
            "resourceVersion": before.pointer("/metadata/resourceVersion"),
        },
    });
    if mode == Mode::Try {
        options["dryRun"] = json!(["All"]);
    }
    options
}
