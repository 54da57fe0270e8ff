//! One method of one path.

use serde_json::{Map, Value, json};

use crate::schema::bare_reference;
use crate::{META, parameters};

/// The media types of patches of built-in kinds.
pub(crate) const PATCHES: &[&str] = &[
    "application/apply-patch+cbor",
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];
/// The media types of patches of custom kinds.
pub(crate) const CUSTOM_PATCHES: &[&str] = &[
    "application/apply-patch+cbor",
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
];
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const PROTOBUF_WATCH: &str = "application/vnd.kubernetes.protobuf;stream=watch";
const ANSWERS: &[&str] = &["application/cbor", "application/json", PROTOBUF, "application/yaml"];
const STREAMS: &[&str] = &["application/json;stream=watch", PROTOBUF_WATCH];

/// The kind that an operation is about, and how its operations are called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    /// The published name of the type of bodies and answers; empty for a text.
    pub(crate) type_name: &'a str,
    /// The group-version in camel case, as it stands in the names of operations.
    pub(crate) stem: &'a str,
    /// The group-version as it is used to sort operations.
    pub(crate) tag: &'a str,
    /// The kind and subresource, with the scope, at the end of the names of operations.
    pub(crate) scope: &'a str,
    pub(crate) patches: &'a [&'a str],
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Get,
    List,
    Create,
    Replace,
    Patch,
    Delete,
    DeleteCollection,
    Connect(&'static str),
}

impl Action {
    /// Returns the key of the operation among those of a path.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Get | Self::List => "get",
            Self::Create => "post",
            Self::Replace => "put",
            Self::Patch => "patch",
            Self::Delete | Self::DeleteCollection => "delete",
            Self::Connect(method) => method,
        }
    }

    fn published(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::DeleteCollection => "deletecollection",
            Self::Connect(_) => "connect",
            Self::Get | Self::Create | Self::Replace | Self::Patch | Self::Delete => self.method(),
        }
    }

    fn id(self, of: Subject<'_>) -> String {
        let Subject { stem, scope, .. } = of;
        match self {
            Self::Get => format!("read{stem}{scope}"),
            Self::List => format!("list{stem}{scope}"),
            Self::Create => format!("create{stem}{scope}"),
            Self::Replace => format!("replace{stem}{scope}"),
            Self::Patch => format!("patch{stem}{scope}"),
            Self::Delete => format!("delete{stem}{scope}"),
            Self::DeleteCollection => format!("delete{stem}Collection{scope}"),
            Self::Connect(method) => {
                let (first, rest) = method.split_at(1);
                format!("connect{stem}{}{rest}{scope}", first.to_uppercase())
            }
        }
    }

    fn description(self, kind: &str) -> String {
        match self {
            Self::Get => format!("read a {kind}"),
            Self::List => format!("list or watch objects of kind {kind}"),
            Self::Create => format!("create a {kind}"),
            Self::Replace => format!("replace a {kind}"),
            Self::Patch => format!("change a part of a {kind}"),
            Self::Delete => format!("delete a {kind}"),
            Self::DeleteCollection => format!("delete all objects of kind {kind} that are selected"),
            Self::Connect(method) => format!("connect by {} to {kind}", method.to_uppercase()),
        }
    }

    fn parameters(self) -> Vec<Value> {
        match self {
            Self::Get | Self::Connect(_) => Vec::new(),
            Self::List => parameters::of_list(),
            Self::Create | Self::Replace => parameters::of_write(),
            Self::Patch => parameters::of_patch(),
            Self::Delete => parameters::of_delete(),
            Self::DeleteCollection => parameters::of_delete_collection(),
        }
    }

    fn body(self, of: Subject<'_>) -> Option<Value> {
        let schema = |name: &str| json!({"schema": bare_reference(name)});
        match self {
            Self::Get | Self::List | Self::Connect(_) => None,
            Self::Create | Self::Replace => {
                Some(json!({"content": {"*/*": schema(of.type_name)}, "required": true}))
            }
            Self::Patch => {
                let content: Map<String, Value> = of
                    .patches
                    .iter()
                    .map(|media| ((*media).to_owned(), schema(&format!("{META}Patch"))))
                    .collect();
                Some(json!({"content": content, "required": true}))
            }
            Self::Delete | Self::DeleteCollection => {
                Some(json!({"content": {"*/*": schema(&format!("{META}DeleteOptions"))}}))
            }
        }
    }

    fn responses(self, of: Subject<'_>) -> Value {
        let (plain, created) = (answer(of.type_name, "OK", false), answer(of.type_name, "Created", false));
        let unauthorized = json!({"description": "Unauthorized"});
        let status = format!("{META}Status");
        match self {
            Self::Get => json!({"200": plain, "401": unauthorized}),
            Self::List => {
                json!({"200": answer(&format!("{}List", of.type_name), "OK", true), "401": unauthorized})
            }
            Self::Create => {
                let accepted = answer(of.type_name, "Accepted", false);
                json!({"200": plain, "201": created, "202": accepted, "401": unauthorized})
            }
            Self::Replace | Self::Patch => json!({"200": plain, "201": created, "401": unauthorized}),
            Self::Delete => {
                let accepted = answer(&status, "Accepted", false);
                json!({"200": answer(&status, "OK", false), "202": accepted, "401": unauthorized})
            }
            Self::DeleteCollection => json!({"200": answer(&status, "OK", false), "401": unauthorized}),
            Self::Connect(_) => json!({"200": answer("", "OK", false), "401": unauthorized}),
        }
    }
}

/// Makes an operation.
pub(crate) fn operation(action: Action, of: Subject<'_>) -> Value {
    let mut out = json!({
        "description": action.description(of.kind),
        "operationId": action.id(of),
        "tags": [of.tag],
        "responses": action.responses(of),
        "x-kubernetes-action": action.published(),
        "x-kubernetes-group-version-kind": {"group": of.group, "kind": of.kind, "version": of.version},
    });
    let parameters = action.parameters();
    if !parameters.is_empty() {
        out["parameters"] = parameters.into();
    }
    if let Some(body) = action.body(of) {
        out["requestBody"] = body;
    }
    out
}

/// Makes an answer with a type, or with a text if there is none.
pub(crate) fn answer(type_name: &str, description: &str, streams: bool) -> Value {
    if type_name.is_empty() {
        return json!({
            "description": description,
            "content": {"*/*": {"schema": {"type": "string"}}},
        });
    }
    let media = ANSWERS.iter().chain(STREAMS.iter().filter(|_| streams));
    let schema = bare_reference(type_name);
    let content: Map<String, Value> =
        media.map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect();
    json!({"description": description, "content": content})
}
