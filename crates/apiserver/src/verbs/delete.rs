//! delete: an object at once, or the beginning of its end.

use serde_json::json;
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::status::{Status, Subject};
use stanchion_machinery::{Value, meta, time};
use tokio::time::Instant;

use super::create::{PATIENCE, busy, laid_out};
use super::update::ends_with;
use crate::admission::{self, Attempt};
use crate::api::Api;
use crate::call::Call;
use crate::clock;
use crate::decode;
use crate::http::Reply;
use crate::present::Presenter;
use crate::resource::{ObjectKey, Resource};
use crate::storage::{Outcome, Write};

/// Resources whose deletion answers with the object, not with a status.
const ANSWERS_OBJECT: &[&str] = &[
    "pods",
    "persistentvolumes",
    "persistentvolumeclaims",
    "podtemplates",
    "resourcequotas",
    "serviceaccounts",
    "services",
];

/// What becomes of an object's dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Propagation {
    Orphan,
    Background,
    Foreground,
}

/// How an object is to be deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    grace: Option<i64>,
    propagation: Option<Propagation>,
    uid: String,
    version: String,
    /// Nothing is to be stored; the query may say so as well.
    dry_run: bool,
    accepted: bool,
}

impl Options {
    /// Reads them from the body, and from the query where the body does not say.
    pub(crate) fn of(call: &Call) -> Result<Self, Status> {
        let mut given = decode::options(call, "DeleteOptions")?;
        if let Some(seconds) = call.query.number("gracePeriodSeconds")? {
            given["gracePeriodSeconds"] = json!(seconds);
        }
        if !call.query.text("propagationPolicy").is_empty() {
            given["propagationPolicy"] = json!(call.query.text("propagationPolicy"));
        }
        if call.query.has("orphanDependents") {
            given["orphanDependents"] = json!(call.query.flag("orphanDependents"));
        }
        Self::read(&given)
    }

    pub(crate) fn read(given: &Value) -> Result<Self, Status> {
        let mut errors = Vec::new();
        let policy = given.get("propagationPolicy").and_then(Value::as_str).unwrap_or("");
        let orphan = given.get("orphanDependents").and_then(Value::as_bool);
        let path = Path::new("propagationPolicy");
        let mut propagation = match policy {
            "" => None,
            "Orphan" => Some(Propagation::Orphan),
            "Background" => Some(Propagation::Background),
            "Foreground" => Some(Propagation::Foreground),
            other => {
                let known = ["Foreground", "Background", "Orphan", "nil"];
                errors.push(FieldError::not_supported(&path, other, &known));
                None
            }
        };
        if let Some(orphan) = orphan {
            if propagation.is_some() {
                let text = "orphanDependents and deletionPropagation cannot be both set";
                errors.push(FieldError::invalid(&path, policy, text));
            }
            propagation = Some(if orphan { Propagation::Orphan } else { Propagation::Background });
        }
        let dry_run = given.get("dryRun").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for value in dry_run.iter().filter_map(Value::as_str).filter(|value| *value != "All") {
            errors.push(FieldError::not_supported(&Path::new("dryRun"), value, &["All"]));
        }
        if !errors.is_empty() {
            return Err(Status::invalid("meta.k8s.io", "DeleteOptions", "", &errors));
        }
        let text = |key: &str| {
            given.pointer(&format!("/preconditions/{key}")).and_then(Value::as_str).unwrap_or("").to_owned()
        };
        Ok(Self {
            grace: given.get("gracePeriodSeconds").and_then(Value::as_i64),
            propagation,
            uid: text("uid"),
            version: text("resourceVersion"),
            dry_run: !dry_run.is_empty(),
            accepted: orphan == Some(false),
        })
    }

    /// Returns whether nothing is to be stored.
    pub(crate) fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// Asks for the object of this uid to go at once.
    pub(crate) fn with_uid(mut self, uid: &str) -> Self {
        uid.clone_into(&mut self.uid);
        self
    }

    /// Holds the object to the preconditions.
    fn check(&self, resource: &Resource, object: &Value) -> Result<(), Status> {
        let pairs = [
            ("UID", &self.uid, meta::uid(object), "deleted and then recreated"),
            ("ResourceVersion", &self.version, meta::resource_version(object), "modified"),
        ];
        for (what, wanted, found, meanwhile) in pairs {
            if !wanted.is_empty() && wanted != found {
                let why = format!(
                    "the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). \
                     The object might have been {meanwhile}"
                );
                // This one failure speaks of the kind, not of the resource.
                let subject = Subject { group: resource.group(), resource: resource.kind() };
                return Err(Status::conflict(subject, meta::name(object), &why));
            }
        }
        Ok(())
    }
}

/// What became of an object.
#[derive(Debug)]
pub(crate) struct Deleted {
    /// The object as it was, or as it waits for its end.
    pub(crate) object: Value,
    /// Whether it is gone.
    pub(crate) gone: bool,
}

/// Deletes the object.
pub(crate) async fn delete(api: &Api, call: &Call) -> Result<Reply, Status> {
    let presenter = Presenter::new(&call.resource, call.form()?, &call.query)?;
    let options = Options::of(call)?;
    let deleted = remove(api, call, &call.key(), &options).await?;
    let code = if !deleted.gone && options.accepted { 202 } else { 200 };
    let object = !deleted.gone || ANSWERS_OBJECT.contains(&call.resource.plural());
    Ok(if object { presenter.reply(code, deleted.object) } else { success(call, &deleted.object) })
}

fn success(call: &Call, object: &Value) -> Reply {
    let mut details =
        json!({"name": meta::name(object), "kind": call.resource.plural(), "uid": meta::uid(object)});
    if !call.resource.group().is_empty() {
        details["group"] = json!(call.resource.group());
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    Reply::object(200, &status)
}

/// Deletes an object, or marks it where something is to happen first.
pub(crate) async fn remove(
    api: &Api,
    call: &Call,
    key: &ObjectKey,
    options: &Options,
) -> Result<Deleted, Status> {
    let place = call.place(key);
    let mut attempt = Attempt::delete(call, key)?;
    attempt.dry_run |= options.dry_run;
    let subject = call.resource.subject();
    let deadline = Instant::now() + PATIENCE;
    let missing = || Status::not_found(subject, &key.name);
    let mut stored = api.storage.get(&place).await?.ok_or_else(missing)?;
    loop {
        let mut old = stored.object()?;
        call.resource.read_stored(&mut old);
        options.check(&call.resource, &old)?;
        admission::validate(api, &attempt, &Value::Null, Some(&old))?;
        let mut new = old.clone();
        mark(&call.resource, &mut new, options);
        let gone = ends_with(&new);
        if !gone && new == old {
            return Ok(Deleted { object: old, gone: false });
        }
        let reserved = admission::reserve(api, &attempt, (!gone).then_some(&mut new), Some(&old)).await?;
        if attempt.dry_run {
            return Ok(Deleted { object: new, gone });
        }
        let bytes = (!gone).then(|| laid_out(&call.resource, &new));
        let main = Write { bytes, ..Write::delete(place.clone(), stored.revision) };
        let mut writes = vec![main];
        writes.extend_from_slice(reserved.writes());
        match api.storage.write(&writes).await? {
            Outcome::Done(revision) => {
                let object = if gone { &mut old } else { &mut new };
                meta::set(object, "resourceVersion", revision.to_string());
                return Ok(Deleted { object: if gone { old } else { new }, gone });
            }
            Outcome::Changed(_) if Instant::now() > deadline => return Err(busy(call, &key.name)),
            Outcome::Changed(found) => stored = found.into_iter().next().flatten().ok_or_else(missing)?,
        }
    }
}

/// Marks an object as being deleted: since when, how long it has, and what has to happen first.
fn mark(resource: &Resource, object: &mut Value, options: &Options) {
    finalizers(resource, object, options);
    if meta::is_deleting(object) {
        return shorten(object, options);
    }
    let grace = grace(resource, object, options);
    let at = clock::seconds().saturating_add(grace);
    meta::set(object, "deletionTimestamp", time::format_seconds(at));
    meta::set(object, "deletionGracePeriodSeconds", grace);
    if meta::generation(object) > 0 {
        meta::set(object, "generation", meta::generation(object) + 1);
    }
    if resource.is("", "namespaces") {
        object["status"]["phase"] = json!("Terminating");
    }
}

/// Brings the end of an object forward, if the client asks for less time than it was given.
fn shorten(object: &mut Value, options: &Options) {
    let left = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    let Some(grace) = options.grace.map(least).filter(|grace| *grace < left) else { return };
    let ends = time::parse(meta::text(object, "deletionTimestamp")).unwrap_or(0) / 1_000_000;
    let at = ends.saturating_sub(left).saturating_add(grace);
    meta::set(object, "deletionTimestamp", time::format_seconds(at));
    meta::set(object, "deletionGracePeriodSeconds", grace);
}

/// Reads a negative number of seconds as the API does.
fn least(seconds: i64) -> i64 {
    if seconds < 0 { 1 } else { seconds }
}

/// Returns the seconds a Pod has to end; nothing else has any.
fn grace(resource: &Resource, object: &Value, options: &Options) -> i64 {
    if !resource.is("", "pods") {
        return 0;
    }
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let unplaced = text("/spec/nodeName").is_empty();
    if unplaced || matches!(text("/status/phase"), "Failed" | "Succeeded") {
        return 0;
    }
    let own = object.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
    least(options.grace.unwrap_or(own))
}

/// Sets the finalizers that the wanted propagation needs.
fn finalizers(resource: &Resource, object: &mut Value, options: &Options) {
    let orphans_by_default = resource.is("batch", "jobs") || resource.is("", "replicationcontrollers");
    let kept: Vec<String> = meta::strings(object, "finalizers").map(str::to_owned).collect();
    let own = |name: &str| matches!(name, "orphan" | "foregroundDeletion");
    let wanted = match options.propagation {
        Some(Propagation::Orphan) => Some("orphan"),
        Some(Propagation::Foreground) => Some("foregroundDeletion"),
        Some(Propagation::Background) => None,
        None => match kept.iter().find(|name| own(name)) {
            Some(name) => Some(if name == "orphan" { "orphan" } else { "foregroundDeletion" }),
            None => orphans_by_default.then_some("orphan"),
        },
    };
    let mut list: Vec<Value> = kept.iter().filter(|name| !own(name)).map(|name| json!(name)).collect();
    list.extend(wanted.map(|name| json!(name)));
    let list = if list.is_empty() { Value::Null } else { Value::Array(list) };
    meta::set(object, "finalizers", list);
}
