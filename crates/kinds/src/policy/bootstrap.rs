//! What every cluster begins with: roles and their bindings, priority classes and namespaces.
//!
//! The roles and bindings stand in two tables beside this file; the objects are made from them on every call, which
//! is once in the life of a server.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

const ROLES: &str = include_str!("bootstrap/roles.txt");
const BINDINGS: &str = include_str!("bootstrap/bindings.txt");

const RBAC: &str = "rbac.authorization.k8s.io";
const CONTROLLER: &str = "system:controller:";

/// Returns the `ClusterRole`s.
pub fn cluster_roles() -> Vec<Value> {
    all_roles().filter(|role| role["kind"] == "ClusterRole").collect()
}

/// Returns the `Role`s.
pub fn roles() -> Vec<Value> {
    all_roles().filter(|role| role["kind"] == "Role").collect()
}

/// Returns the `ClusterRoleBinding`s.
pub fn cluster_role_bindings() -> Vec<Value> {
    let controllers = sections(ROLES).filter_map(|(heading, _)| {
        let name = heading.split(' ').next()?;
        let account = name.strip_prefix(CONTROLLER)?;
        Some(binding(&format!("{name} s:{account}")))
    });
    all_bindings().filter(|binding| binding["kind"] == "ClusterRoleBinding").chain(controllers).collect()
}

/// Returns the `RoleBinding`s.
pub fn role_bindings() -> Vec<Value> {
    all_bindings().filter(|binding| binding["kind"] == "RoleBinding").collect()
}

/// Returns the `PriorityClass`es.
pub fn priority_classes() -> Vec<Value> {
    let classes = [
        (
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
        (
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
    ];
    let class = |(name, value, description): (&str, i64, &str)| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
            "value": value, "description": description, "preemptionPolicy": "PreemptLowerPriority",
        })
    };
    classes.into_iter().map(class).collect()
}

/// Returns the `Namespace`s.
pub fn namespaces() -> Vec<Value> {
    let namespace = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        })
    };
    ["default", "kube-system", "kube-public", "kube-node-lease"].into_iter().map(namespace).collect()
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Returns the headings of a table of roles, without their first word, and the lines below them.
fn sections(table: &'static str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let mut lines = lines(table).peekable();
    std::iter::from_fn(move || {
        let heading = lines.next()?.strip_prefix("role ")?;
        let mut rules = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("role ")) {
            rules.push(line);
        }
        Some((heading, rules))
    })
}

fn all_roles() -> impl Iterator<Item = Value> {
    sections(ROLES).map(|(heading, rules)| role(heading, &rules))
}

fn all_bindings() -> impl Iterator<Item = Value> {
    lines(BINDINGS).map(binding)
}

fn object(kind: &str, place: &str) -> Value {
    let (namespace, name) = place.split_once('/').map_or((None, place), |(space, name)| (Some(space), name));
    let cluster = if namespace.is_some() { "" } else { "Cluster" };
    let mut object = json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": format!("{cluster}{kind}"),
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
    });
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}

fn role(heading: &str, rules: &[&str]) -> Value {
    let mut words = heading.split(' ');
    let mut role = object("Role", words.next().unwrap_or(""));
    let label = |of: &str| format!("{RBAC}/aggregate-to-{of}");
    for word in words {
        if let Some(whole) = word.strip_prefix('+') {
            role["metadata"]["labels"][label(whole)] = json!("true");
        } else if let Some(part) = word.strip_prefix('=') {
            let selector = json!({"matchLabels": {label(part): "true"}});
            role["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
        }
    }
    role["rules"] = rules.iter().map(|line| rule(line)).collect();
    role
}

fn rule(line: &str) -> Value {
    if line == "events" {
        return json!({
            "apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"],
        });
    }
    let mut words = line.split(' ');
    let mut rule = Map::new();
    rule.insert("verbs".to_owned(), list(&verbs(words.next().unwrap_or(""))));
    match words.next() {
        Some("url") => {
            rule.insert("nonResourceURLs".to_owned(), list(words.next().unwrap_or("")));
        }
        groups => {
            rule.insert("apiGroups".to_owned(), list(groups.unwrap_or("")));
            rule.insert("resources".to_owned(), list(words.next().unwrap_or("")));
            if let Some(names) = words.next() {
                rule.insert("resourceNames".to_owned(), list(names));
            }
        }
    }
    Value::Object(rule)
}

fn verbs(words: &str) -> String {
    match words {
        "read" => "get,list,watch",
        "write" => "create,delete,deletecollection,patch,update",
        "all" => "create,delete,deletecollection,get,list,patch,update,watch",
        "follow" => "get,list,patch,update,watch",
        other => other,
    }
    .to_owned()
}

fn list(words: &str) -> Value {
    words.split(',').map(|word| if word == "core" { "" } else { word }).collect()
}

fn binding(line: &str) -> Value {
    let mut words = line.split(' ').peekable();
    let place = words.next().unwrap_or("");
    let mut binding = object("RoleBinding", place);
    let (kind, own) = place.split_once('/').map_or(("ClusterRole", place), |(_, name)| ("Role", name));
    let other = words.next_if(|word| word.starts_with('>'));
    binding["roleRef"] = json!({
        "apiGroup": RBAC, "kind": kind, "name": other.map_or(own, |word| word.trim_start_matches('>')),
    });
    let subjects: Vec<Value> = words.filter_map(subject).collect();
    if !subjects.is_empty() {
        binding["subjects"] = Value::Array(subjects);
    }
    binding
}

fn subject(word: &str) -> Option<Value> {
    let (kind, name) = word.split_once(':')?;
    match kind {
        "u" => Some(json!({"apiGroup": RBAC, "kind": "User", "name": name})),
        "g" => Some(json!({"apiGroup": RBAC, "kind": "Group", "name": name})),
        "s" => Some(json!({"kind": "ServiceAccount", "name": name, "namespace": "kube-system"})),
        _ => None,
    }
}
