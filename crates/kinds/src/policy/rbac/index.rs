//! The index over roles and bindings that decisions are taken from.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use stanchion_machinery::meta;
use stanchion_machinery::selector::Labels;

use super::binding::{Binding, Bindings};
use super::{MASTERS, Request, Rule};
use crate::policy::aggregate;

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why; possibly empty. Of a refusal, the roles that are bound but do not exist.
    pub reason: String,
}

/// Everything somebody is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// The rules, in the order of the names of their bindings.
    pub rules: Vec<Rule>,
    /// What could not be resolved.
    pub errors: Vec<String>,
}

/// Roles and bindings, as a watch tells them.
#[derive(Debug, Default)]
pub struct Policy {
    cluster_roles: BTreeMap<String, ClusterRole>,
    roles: HashMap<String, HashMap<String, Arc<[Rule]>>>,
    cluster_bindings: Bindings,
    bindings: HashMap<String, Bindings>,
}

#[derive(Debug)]
struct ClusterRole {
    labels: Map<String, Value>,
    /// The selectors of the roles it is put together from; none for a role that stands for itself.
    selectors: Vec<Labels>,
    rules: Arc<[Rule]>,
}

impl ClusterRole {
    fn selects(&self, labels: &Map<String, Value>) -> bool {
        let label = |key: &str| labels.get(key).and_then(Value::as_str);
        self.selectors.iter().any(|selector| selector.matches(label))
    }
}

impl Policy {
    /// Puts in a `Role`, in the place of the one of the same name.
    pub fn set_role(&mut self, role: &Value) {
        let roles = self.roles.entry(meta::namespace(role).to_owned()).or_default();
        roles.insert(meta::name(role).to_owned(), Rule::parse_all(role).into());
    }

    /// Takes out a `Role`.
    pub fn remove_role(&mut self, namespace: &str, name: &str) {
        if let Some(roles) = self.roles.get_mut(namespace) {
            roles.remove(name);
            if roles.is_empty() {
                self.roles.remove(namespace);
            }
        }
    }

    /// Puts in a `ClusterRole`. Roles that are put together from it follow.
    pub fn set_cluster_role(&mut self, role: &Value) {
        let selectors = role.pointer("/aggregationRule/clusterRoleSelectors").and_then(Value::as_array);
        let selectors = selectors.into_iter().flatten();
        let selectors =
            selectors.map(|s| Labels::from_object(s).unwrap_or_else(|_| Labels::nothing())).collect();
        let labels = meta::map(role, "labels").cloned().unwrap_or_default();
        let rules = Rule::parse_all(role).into();
        let new = ClusterRole { labels, selectors, rules };
        let is_part = self.is_part(&new);
        let old = self.cluster_roles.insert(meta::name(role).to_owned(), new);
        if is_part || old.is_some_and(|old| self.is_part(&old)) {
            self.aggregate();
        }
    }

    /// Takes out a `ClusterRole`. Roles that were put together from it follow.
    pub fn remove_cluster_role(&mut self, name: &str) {
        if self.cluster_roles.remove(name).is_some_and(|old| self.is_part(&old)) {
            self.aggregate();
        }
    }

    /// Puts in a `RoleBinding`, in the place of the one of the same name.
    pub fn set_role_binding(&mut self, binding: &Value) {
        self.bindings.entry(meta::namespace(binding).to_owned()).or_default().set(binding);
    }

    /// Takes out a `RoleBinding`.
    pub fn remove_role_binding(&mut self, namespace: &str, name: &str) {
        if let Some(bindings) = self.bindings.get_mut(namespace) {
            bindings.remove(name);
            if bindings.is_empty() {
                self.bindings.remove(namespace);
            }
        }
    }

    /// Puts in a `ClusterRoleBinding`, in the place of the one of the same name.
    pub fn set_cluster_role_binding(&mut self, binding: &Value) {
        self.cluster_bindings.set(binding);
    }

    /// Takes out a `ClusterRoleBinding`.
    pub fn remove_cluster_role_binding(&mut self, name: &str) {
        self.cluster_bindings.remove(name);
    }

    /// Decides a request. Members of `system:masters` may do everything.
    pub fn authorize(&self, request: &Request<'_>) -> Decision {
        if request.groups.contains(&MASTERS) {
            return Decision { allowed: true, reason: String::new() };
        }
        let namespace = request.resource.map_or("", |resource| resource.namespace);
        let mut missing = BTreeSet::new();
        for bindings in self.scopes(namespace) {
            for bound in bindings.of(request.user, request.groups) {
                match self.rules_of(&bound.binding) {
                    Ok(rules) if rules.iter().any(|rule| rule.allows(request)) => {
                        return Decision { allowed: true, reason: bound.binding.reason(bound.subject) };
                    }
                    Ok(_) => {}
                    Err(error) => {
                        missing.insert(error);
                    }
                }
            }
        }
        let missing: Vec<String> = missing.into_iter().collect();
        let reason =
            if missing.is_empty() { String::new() } else { format!("RBAC: {}", aggregate(&missing)) };
        Decision { allowed: false, reason }
    }

    /// Returns what somebody is granted in a namespace; in the cluster as a whole if that is empty.
    pub fn rules_for(&self, user: &str, groups: &[&str], namespace: &str) -> Granted {
        let mut granted = Granted::default();
        for bindings in self.scopes(namespace) {
            for binding in bindings.by_name(user, groups).values() {
                match self.rules_of(binding) {
                    Ok(rules) => granted.rules.extend_from_slice(rules),
                    Err(error) => granted.errors.push(error),
                }
            }
        }
        granted
    }

    /// Returns the rules that a `roleRef` stands for, or the text that there is no such role.
    pub fn rules_of_role(&self, kind: &str, name: &str, namespace: &str) -> Result<&[Rule], String> {
        let (rules, word) = match kind {
            "Role" => (self.roles.get(namespace).and_then(|roles| roles.get(name)), "role"),
            "ClusterRole" => (self.cluster_roles.get(name).map(|role| &role.rules), "clusterrole"),
            other => return Err(format!("unsupported role reference kind: {other:?}")),
        };
        rules.map(AsRef::as_ref).ok_or_else(|| format!("{word}.rbac.authorization.k8s.io {name:?} not found"))
    }

    /// Returns the rules that a `ClusterRole` is put together from, if its `aggregationRule` says so.
    pub fn aggregated_rules(&self, name: &str) -> Option<&[Rule]> {
        let role = self.cluster_roles.get(name).filter(|role| !role.selectors.is_empty())?;
        Some(&role.rules)
    }

    fn scopes(&self, namespace: &str) -> impl Iterator<Item = &Bindings> {
        let own = if namespace.is_empty() { None } else { self.bindings.get(namespace) };
        std::iter::once(&self.cluster_bindings).chain(own)
    }

    fn rules_of(&self, binding: &Binding) -> Result<&[Rule], String> {
        self.rules_of_role(&binding.role_kind, &binding.role_name, &binding.namespace)
    }

    fn is_part(&self, role: &ClusterRole) -> bool {
        !role.selectors.is_empty() || self.cluster_roles.values().any(|whole| whole.selects(&role.labels))
    }

    fn aggregate(&mut self) {
        let wholes: Vec<(String, Arc<[Rule]>)> = self
            .cluster_roles
            .iter()
            .filter(|(_, role)| !role.selectors.is_empty())
            .map(|(name, role)| (name.clone(), self.put_together(name, role)))
            .collect();
        for (name, rules) in wholes {
            if let Some(role) = self.cluster_roles.get_mut(&name) {
                role.rules = rules;
            }
        }
    }

    /// Collects the rules of all parts in the order of their names, through parts that are wholes themselves.
    fn put_together(&self, name: &str, whole: &ClusterRole) -> Arc<[Rule]> {
        let mut rules = Vec::new();
        let mut known = HashSet::new();
        let mut seen = HashSet::from([name]);
        let mut open = self.parts(whole);
        while let Some((name, part)) = open.pop() {
            if !seen.insert(name) {
                continue;
            }
            if part.selectors.is_empty() {
                rules.extend(part.rules.iter().filter(|rule| known.insert(*rule)).cloned());
            } else {
                open.extend(self.parts(part));
            }
        }
        rules.into()
    }

    fn parts<'a>(&'a self, whole: &ClusterRole) -> Vec<(&'a str, &'a ClusterRole)> {
        let parts = self.cluster_roles.iter().rev().filter(|(_, part)| whole.selects(&part.labels));
        parts.map(|(name, part)| (name.as_str(), part)).collect()
    }
}
