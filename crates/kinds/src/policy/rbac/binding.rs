//! Bindings: which role goes to whom.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use stanchion_machinery::meta;

/// Somebody a role is bound to.
#[derive(Debug)]
struct Subject {
    kind: String,
    /// The name as the reason of a decision tells it; of a service account with its namespace behind.
    shown: String,
}

/// A binding, taken out of its JSON once.
#[derive(Debug)]
pub(super) struct Binding {
    name: String,
    pub(super) namespace: String,
    pub(super) role_kind: String,
    pub(super) role_name: String,
    subjects: Vec<Subject>,
}

impl Binding {
    /// Tells why a subject of this binding is allowed something.
    pub(super) fn reason(&self, subject: usize) -> String {
        let (kind, name) = if self.namespace.is_empty() {
            ("ClusterRoleBinding", self.name.clone())
        } else {
            ("RoleBinding", format!("{}/{}", self.name, self.namespace))
        };
        let to = self.subjects.get(subject).map_or_else(String::new, |s| format!("{} {:?}", s.kind, s.shown));
        format!("RBAC: allowed by {kind} {name:?} of {} {:?} to {to}", self.role_kind, self.role_name)
    }
}

/// A binding as one of its subjects finds it.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) binding: Arc<Binding>,
    pub(super) subject: usize,
}

/// The bindings of one namespace, or those of the cluster.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    keys: BTreeMap<String, Vec<Key>>,
    users: HashMap<String, Vec<Bound>>,
    groups: HashMap<String, Vec<Bound>>,
}

/// Under whom a subject is found.
#[derive(Debug)]
enum Key {
    User(String),
    Group(String),
}

impl Bindings {
    /// Puts in a binding, in the place of one of the same name.
    pub(super) fn set(&mut self, object: &Value) {
        let name = meta::name(object);
        self.remove(name);
        let namespace = meta::namespace(object);
        let mut subjects = Vec::new();
        let mut keys = Vec::new();
        for subject in object.get("subjects").and_then(Value::as_array).into_iter().flatten() {
            if let Some((subject, key)) = read_subject(subject, namespace) {
                subjects.push(subject);
                keys.push(key);
            }
        }
        let role = |key: &str| field(object.get("roleRef").unwrap_or(&Value::Null), key).to_owned();
        let binding = Arc::new(Binding {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            role_kind: role("kind"),
            role_name: role("name"),
            subjects,
        });
        for (subject, key) in keys.iter().enumerate() {
            let (map, who) = self.place(key);
            map.entry(who.to_owned()).or_default().push(Bound { binding: Arc::clone(&binding), subject });
        }
        self.keys.insert(name.to_owned(), keys);
    }

    /// Takes out a binding.
    pub(super) fn remove(&mut self, name: &str) {
        for key in self.keys.remove(name).unwrap_or_default() {
            let (map, who) = self.place(&key);
            if let Some(bound) = map.get_mut(who) {
                bound.retain(|b| b.binding.name != name);
                if bound.is_empty() {
                    map.remove(who);
                }
            }
        }
    }

    fn place<'k>(&mut self, key: &'k Key) -> (&mut HashMap<String, Vec<Bound>>, &'k str) {
        match key {
            Key::User(who) => (&mut self.users, who),
            Key::Group(who) => (&mut self.groups, who),
        }
    }

    /// Returns whether there is nothing left.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the bindings of a user and of their groups; one may come more than once.
    pub(super) fn of<'a>(&'a self, user: &str, groups: &'a [&'a str]) -> impl Iterator<Item = &'a Bound> {
        let own = self.users.get(user).into_iter().flatten();
        own.chain(groups.iter().filter_map(|group| self.groups.get(*group)).flatten())
    }

    /// Returns the bindings of a user and of their groups by name, each once.
    pub(super) fn by_name<'a>(
        &'a self,
        user: &str,
        groups: &'a [&'a str],
    ) -> BTreeMap<&'a str, &'a Arc<Binding>> {
        self.of(user, groups).map(|bound| (bound.binding.name.as_str(), &bound.binding)).collect()
    }
}

fn field<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

fn read_subject(subject: &Value, binding_namespace: &str) -> Option<(Subject, Key)> {
    let (kind, name) = (field(subject, "kind"), field(subject, "name"));
    let (shown, key) = match kind {
        "User" => (name.to_owned(), Key::User(name.to_owned())),
        "Group" => (name.to_owned(), Key::Group(name.to_owned())),
        "ServiceAccount" => {
            let namespace = account_namespace(subject, binding_namespace)?;
            (format!("{name}/{namespace}"), Key::User(format!("system:serviceaccount:{namespace}:{name}")))
        }
        _ => return None,
    };
    Some((Subject { kind: kind.to_owned(), shown }, key))
}

fn account_namespace<'a>(subject: &'a Value, binding_namespace: &'a str) -> Option<&'a str> {
    [field(subject, "namespace"), binding_namespace].into_iter().find(|namespace| !namespace.is_empty())
}

/// Returns whether a subject of a binding is this user or one of their groups.
///
/// A service account without a namespace is one of the namespace of its binding.
pub fn subject_matches(subject: &Value, user: &str, groups: &[&str], binding_namespace: &str) -> bool {
    let name = field(subject, "name");
    match field(subject, "kind") {
        "User" => user == name,
        "Group" => groups.contains(&name),
        "ServiceAccount" => account_namespace(subject, binding_namespace).is_some_and(|namespace| {
            let rest = user.strip_prefix("system:serviceaccount:").and_then(|u| u.strip_prefix(namespace));
            rest.and_then(|u| u.strip_prefix(':')) == Some(name)
        }),
        _ => false,
    }
}
