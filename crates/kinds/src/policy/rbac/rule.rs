//! One rule of a role, taken out of its JSON once.

use std::fmt;

use serde_json::{Map, Value};

use super::{Request, ResourceRequest, quoted_list};

/// A rule: everything it lists is allowed in every combination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The verbs, or `*`.
    pub verbs: Vec<String>,
    /// The API groups, or `*`.
    pub groups: Vec<String>,
    /// The resources: `pods`, `pods/log`, `*/scale` or `*`.
    pub resources: Vec<String>,
    /// The names of the objects; empty for all.
    pub names: Vec<String>,
    /// The paths that are no resources; a `*` at the end stands for anything.
    pub urls: Vec<String>,
}

impl Rule {
    /// Takes a `PolicyRule`. What is not there or not a string is left out.
    pub fn parse(value: &Value) -> Self {
        let strings = |key: &str| {
            let list = value.get(key).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            verbs: strings("verbs"),
            groups: strings("apiGroups"),
            resources: strings("resources"),
            names: strings("resourceNames"),
            urls: strings("nonResourceURLs"),
        }
    }

    /// Takes the rules of a role.
    pub fn parse_all(role: &Value) -> Vec<Self> {
        role.get("rules").and_then(Value::as_array).into_iter().flatten().map(Self::parse).collect()
    }

    /// Returns the `PolicyRule`.
    pub fn to_value(&self) -> Value {
        let mut value = Map::new();
        for (key, list) in self.parts() {
            if !list.is_empty() {
                value.insert(key.to_owned(), list.clone().into());
            }
        }
        value.entry("verbs").or_insert_with(|| Value::Array(Vec::new()));
        Value::Object(value)
    }

    fn parts(&self) -> [(&'static str, &Vec<String>); 5] {
        [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("nonResourceURLs", &self.urls),
            ("resourceNames", &self.names),
            ("verbs", &self.verbs),
        ]
    }

    /// Returns whether the rule allows a request.
    pub fn allows(&self, request: &Request<'_>) -> bool {
        if !lists(&self.verbs, request.verb) {
            return false;
        }
        match &request.resource {
            Some(resource) => self.allows_resource(resource),
            None => self.urls.iter().any(|url| url_covers(url, request.path)),
        }
    }

    fn allows_resource(&self, wanted: &ResourceRequest<'_>) -> bool {
        lists(&self.groups, wanted.group)
            && self.resources.iter().any(|resource| resource_matches(resource, wanted))
            && (self.names.is_empty() || self.names.iter().any(|name| name == wanted.name))
    }
}

/// The text in which a rule that is not held is told.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = ["APIGroups", "Resources", "NonResourceURLs", "ResourceNames", "Verbs"];
        let shown: Vec<String> = words
            .iter()
            .zip(self.parts())
            .filter(|(_, (_, list))| !list.is_empty())
            .map(|(word, (_, list))| format!("{word}:{}", quoted_list(list)))
            .collect();
        write!(f, "{{{}}}", shown.join(", "))
    }
}

fn lists(allowed: &[String], wanted: &str) -> bool {
    allowed.iter().any(|item| item == "*" || item == wanted)
}

fn resource_matches(rule: &str, wanted: &ResourceRequest<'_>) -> bool {
    if rule == "*" {
        return true;
    }
    if wanted.subresource.is_empty() {
        return rule == wanted.resource;
    }
    rule.split_once('/').is_some_and(|(resource, subresource)| {
        subresource == wanted.subresource && (resource == "*" || resource == wanted.resource)
    })
}

/// Returns whether a pattern of paths takes in a path or another pattern.
pub(super) fn url_covers(pattern: &str, path: &str) -> bool {
    pattern == path || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}
