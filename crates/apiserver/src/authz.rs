//! Who may do what: role-based access control over the roles and bindings in the cache.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method};
use parking_lot::RwLock;
use serde_json::json;
use stanchion_kinds::policy::rbac::{self, Policy, Request, ResourceRequest, Rule};
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, meta};

use crate::api::Api;
use crate::authn::{ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED, User};
use crate::cache::{Cache, Seen, follow};
use crate::http::target::ResourceTarget;
use crate::http::{Query, Verb};
use crate::options::AuthorizationMode;
use crate::select::Selection;

/// Decides what users may do.
#[derive(Debug)]
pub(crate) struct Authorizer {
    mode: AuthorizationMode,
    policy: Arc<RwLock<Policy>>,
}

/// The kinds the policy is made of.
#[derive(Clone, Copy, Debug)]
enum Source {
    Role,
    ClusterRole,
    RoleBinding,
    ClusterRoleBinding,
}

const SOURCES: &[(Source, &str)] = &[
    (Source::Role, "roles"),
    (Source::ClusterRole, "clusterroles"),
    (Source::RoleBinding, "rolebindings"),
    (Source::ClusterRoleBinding, "clusterrolebindings"),
];

impl Source {
    fn put(self, policy: &mut Policy, object: &Value) {
        match self {
            Self::Role => policy.set_role(object),
            Self::ClusterRole => policy.set_cluster_role(object),
            Self::RoleBinding => policy.set_role_binding(object),
            Self::ClusterRoleBinding => policy.set_cluster_role_binding(object),
        }
    }

    fn remove(self, policy: &mut Policy, namespace: &str, name: &str) {
        match self {
            Self::Role => policy.remove_role(namespace, name),
            Self::ClusterRole => policy.remove_cluster_role(name),
            Self::RoleBinding => policy.remove_role_binding(namespace, name),
            Self::ClusterRoleBinding => policy.remove_cluster_role_binding(name),
        }
    }
}

impl Authorizer {
    /// Reads the policy that is there and follows its changes as long as the server runs.
    pub(crate) fn start(mode: AuthorizationMode, cache: &Arc<Cache>) -> Self {
        let policy = Arc::new(RwLock::new(Policy::default()));
        for (source, prefix) in SOURCES {
            let (policy, source) = (Arc::clone(&policy), *source);
            follow(&cache.shard(prefix), move |seen| {
                let mut policy = policy.write();
                match seen {
                    Seen::Put(entry) => source.put(&mut policy, &entry.object()),
                    Seen::Gone(entry) => source.remove(&mut policy, entry.namespace(), entry.name()),
                }
            });
        }
        Self { mode, policy }
    }

    /// Decides about any request; a reason comes with it.
    pub(crate) fn decide(
        &self,
        user: &User,
        verb: &str,
        resource: Option<ResourceRequest<'_>>,
        path: &str,
    ) -> rbac::Decision {
        if self.mode == AuthorizationMode::AlwaysAllow || user.groups.iter().any(|group| group == MASTERS) {
            return rbac::Decision { allowed: true, reason: String::new() };
        }
        let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
        let request = Request { user: &user.name, groups: &groups, verb, resource, path };
        self.policy.read().authorize(&request)
    }

    fn require(
        &self,
        user: &User,
        verb: &str,
        resource: Option<ResourceRequest<'_>>,
        path: &str,
    ) -> Result<(), Status> {
        let decision = self.decide(user, verb, resource, path);
        if decision.allowed {
            return Ok(());
        }
        let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
        let request = Request { user: &user.name, groups: &groups, verb, resource, path };
        Err(rbac::forbidden(&request, &decision.reason))
    }

    /// Lets a request for a path pass, or says why not.
    pub(crate) fn path(&self, user: &User, method: &Method, path: &str) -> Result<(), Status> {
        self.require(user, &method.as_str().to_ascii_lowercase(), None, path)
    }

    /// Lets a request for a resource pass, or says why not.
    pub(crate) fn resource(
        &self,
        user: &User,
        verb: Verb,
        target: &ResourceTarget,
        query: &Query,
    ) -> Result<(), Status> {
        // A list of one object by its name is as good as a get, and roles may allow it by the name.
        let selected =
            if target.name.is_empty() && matches!(verb, Verb::List | Verb::Watch | Verb::DeleteCollection) {
                Selection::named(query)
            } else {
                None
            };
        let request = ResourceRequest {
            group: &target.group,
            resource: &target.plural,
            subresource: &target.subresource,
            namespace: &target.namespace,
            name: selected.as_deref().unwrap_or(&target.name),
        };
        self.require(user, verb.as_str(), Some(request), "")
    }

    /// Takes the place of another user if the headers ask for it and the user may.
    pub(crate) fn impersonate(&self, _api: &Api, user: User, headers: &HeaderMap) -> Result<User, Status> {
        // Nothing that is shown may be overlooked, or the request would be made as the one who may do more.
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let texts = |name: &str| -> Vec<String> { headers.get_all(name).iter().map(text).collect() };
        let (names, groups, uids) =
            (texts("impersonate-user"), texts("impersonate-group"), texts("impersonate-uid"));
        let extras: Vec<(String, String)> = headers
            .iter()
            .filter_map(|(name, value)| {
                let key = name.as_str().strip_prefix("impersonate-extra-")?;
                let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy().into_owned();
                Some((key, text(value)))
            })
            .collect();
        let Some(name) = names.first().filter(|name| !name.is_empty()) else {
            if groups.is_empty() && uids.is_empty() && extras.is_empty() {
                return Ok(user);
            }
            return Err(Status::internal("requested impersonation without impersonating a user"));
        };
        let may = |group: &str, resource: &str, subresource: &str, namespace: &str, name: &str| {
            let request = ResourceRequest { group, resource, subresource, namespace, name };
            self.require(&user, "impersonate", Some(request), "")
        };
        let account = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        let account = account.filter(|(_, account)| !account.contains(':'));
        match account {
            Some((namespace, account)) => may("", "serviceaccounts", "", namespace, account)?,
            None => may("", "users", "", "", name)?,
        }
        groups.iter().try_for_each(|group| may("", "groups", "", "", group))?;
        uids.iter().try_for_each(|uid| may("authentication.k8s.io", "uids", "", "", uid))?;
        for (key, value) in &extras {
            may("authentication.k8s.io", "userextras", key, "", value)?;
        }
        let mut groups = groups;
        if let Some((namespace, _)) = account
            && groups.is_empty()
        {
            groups = vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
        }
        let class = if name == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
        if !groups.iter().any(|group| group == class || group == UNAUTHENTICATED) {
            groups.push(class.to_owned());
        }
        let mut other = User { name: name.clone(), groups, ..User::default() };
        other.uid = uids.into_iter().next().unwrap_or_default();
        for (key, value) in extras {
            other.extra.entry(key).or_default().push(value);
        }
        Ok(other)
    }

    /// Returns the rules that a `ClusterRole` is put together from, if it is one that is.
    pub(crate) fn aggregated(&self, role: &str) -> Option<Vec<Value>> {
        let policy = self.policy.read();
        Some(policy.aggregated_rules(role)?.iter().map(Rule::to_value).collect())
    }

    /// Returns everything that a user may do in a namespace, and what could not be resolved.
    pub(crate) fn rules(&self, user: &User, namespace: &str) -> rbac::Granted {
        let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
        self.policy.read().rules_for(&user.name, &groups, namespace)
    }

    /// Refuses roles and bindings that grant what their author does not have.
    pub(crate) fn escalation(
        &self,
        user: &User,
        group: &str,
        plural: &str,
        object: &Value,
    ) -> Result<(), String> {
        if group != "rbac.authorization.k8s.io" || self.mode == AuthorizationMode::AlwaysAllow {
            return Ok(());
        }
        if user.groups.iter().any(|group| group == MASTERS) {
            return Ok(());
        }
        let (namespace, name) = (meta::namespace(object), meta::name(object));
        let allowed = |verb: &str, resource: &str, namespace: &str, name: &str| {
            let request = ResourceRequest { group, resource, subresource: "", namespace, name };
            self.decide(user, verb, Some(request), "").allowed
        };
        let wanted = match plural {
            "roles" | "clusterroles" => {
                if allowed("escalate", plural, namespace, name) {
                    return Ok(());
                }
                Rule::parse_all(object)
            }
            _ => {
                let reference = &object["roleRef"];
                let text = |key: &str| reference[key].as_str().unwrap_or("");
                let (kind, role) = (text("kind"), text("name"));
                let plural = if kind == "Role" { "roles" } else { "clusterroles" };
                if allowed("bind", plural, namespace, role) {
                    return Ok(());
                }
                match self.policy.read().rules_of_role(kind, role, namespace) {
                    Ok(rules) => rules.to_vec(),
                    Err(error) => return Err(error),
                }
            }
        };
        let own = self.rules(user, namespace);
        let missing = rbac::covers(&own.rules, &wanted);
        if missing.is_empty() {
            let gathers = plural == "clusterroles" && !object["aggregationRule"].is_null();
            if gathers && !rbac::covers(&own.rules, &everything()).is_empty() {
                return Err("must have cluster-admin privileges to use the aggregationRule".to_owned());
            }
            return Ok(());
        }
        let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
        Err(rbac::escalation_message(&user.name, &groups, &missing, &own.errors))
    }
}

/// Returns the rules that allow everything.
fn everything() -> Vec<Rule> {
    Rule::parse_all(&json!({"rules": [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        {"verbs": ["*"], "nonResourceURLs": ["*"]},
    ]}))
}
