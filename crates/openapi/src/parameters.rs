//! What may stand in the query or the path of a request.

use serde_json::{Value, json};

/// A parameter of a query: its name, its type, and what it does.
type Query = (&'static str, &'static str, &'static str);

const DRY_RUN: Query =
    ("dryRun", "string", "Nothing is persisted if this is `All`; the answer is as if it had been.");
const FIELD_MANAGER: Query =
    ("fieldManager", "string", "The name of whoever makes these changes: at most 128 printable characters.");
const FIELD_VALIDATION: Query = (
    "fieldValidation",
    "string",
    "What to do about fields that are unknown or occur twice: `Ignore` them, `Warn` of them (the default), or \
     refuse the request (`Strict`).",
);
const FORCE: Query = (
    "force",
    "boolean",
    "Apply takes over fields that other managers own. Must be unset for patches of other kinds.",
);
const CONTINUE: Query =
    ("continue", "string", "Where a list that was cut off goes on: the token it ended with.");
const FIELD_SELECTOR: Query = ("fieldSelector", "string", "Only objects with these values in their fields.");
const LABEL_SELECTOR: Query = ("labelSelector", "string", "Only objects with labels that match.");
const LIMIT: Query = ("limit", "integer", "At most so many objects; the rest can be had by `continue`.");
const RESOURCE_VERSION: Query =
    ("resourceVersion", "string", "The version of the data that the answer is made from.");
const RESOURCE_VERSION_MATCH: Query = (
    "resourceVersionMatch",
    "string",
    "How `resourceVersion` is meant for a list: `Exact` or `NotOlderThan`.",
);
const SEND_INITIAL_EVENTS: Query = (
    "sendInitialEvents",
    "boolean",
    "A watch begins with the objects there are, and a bookmark that says so. Needs `resourceVersionMatch`.",
);
const TIMEOUT: Query = ("timeoutSeconds", "integer", "How long a list or a watch may take.");
const ALLOW_BOOKMARKS: Query =
    ("allowWatchBookmarks", "boolean", "A watch may have bookmarks, which tell how far it has come.");
const WATCH: Query = ("watch", "boolean", "Changes as they happen instead of a list.");
const GRACE_PERIOD: Query =
    ("gracePeriodSeconds", "integer", "How many seconds an object has before it is deleted; 0 for none.");
const IGNORE_READ_ERROR: Query = (
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "boolean",
    "Deletes an object that cannot be read, without finalizers or preconditions.",
);
const ORPHAN: Query = (
    "orphanDependents",
    "boolean",
    "Deprecated, use `propagationPolicy`: whether dependents are left behind.",
);
const PROPAGATION: Query =
    ("propagationPolicy", "string", "What becomes of dependents: `Orphan`, `Background` or `Foreground`.");
const PRETTY: Query = ("pretty", "string", "The answer is laid out for reading.");

/// Those of a `POST` or `PUT`.
pub(crate) fn of_write() -> Vec<Value> {
    [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION].map(query).to_vec()
}

/// Those of a `PATCH`.
pub(crate) fn of_patch() -> Vec<Value> {
    [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION, FORCE].map(query).to_vec()
}

/// Those of a `DELETE` of one object.
pub(crate) fn of_delete() -> Vec<Value> {
    [DRY_RUN, GRACE_PERIOD, IGNORE_READ_ERROR, ORPHAN, PROPAGATION].map(query).to_vec()
}

/// Those of a list or a watch.
pub(crate) fn of_list() -> Vec<Value> {
    let own = [ALLOW_BOOKMARKS, CONTINUE, FIELD_SELECTOR, LABEL_SELECTOR, LIMIT, RESOURCE_VERSION];
    let rest = [RESOURCE_VERSION_MATCH, SEND_INITIAL_EVENTS, TIMEOUT, WATCH];
    own.into_iter().chain(rest).map(query).collect()
}

/// Those of a `DELETE` of all objects that a list would have.
pub(crate) fn of_delete_collection() -> Vec<Value> {
    let list = of_list();
    let lists =
        list.into_iter().filter(|p| !matches!(p["name"].as_str(), Some("allowWatchBookmarks" | "watch")));
    of_delete().into_iter().chain(lists).collect()
}

/// Those of all requests to a path.
pub(crate) fn of_path(namespaced: bool, named: Option<&str>) -> Vec<Value> {
    let name = named.map(|kind| in_path("name", &format!("The name of the {kind}")));
    let namespace = namespaced.then(|| in_path("namespace", "The namespace"));
    name.into_iter().chain(namespace).chain([query(PRETTY)]).collect()
}

/// The path under an object that a proxy passes on.
pub(crate) fn rest_of_path() -> Value {
    in_path("path", "The path to pass on")
}

fn query((name, kind, description): Query) -> Value {
    json!({
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": kind, "uniqueItems": true},
    })
}

fn in_path(name: &str, description: &str) -> Value {
    json!({
        "name": name,
        "in": "path",
        "description": description,
        "required": true,
        "schema": {"type": "string", "uniqueItems": true},
    })
}
