//! Role-based access control: who may do what, and the words in which a refusal is told.
//!
//! A [`Policy`] is an index over roles and bindings that a watch keeps up to date. Deciding walks only the bindings
//! of the user and of their groups, cluster-wide ones first.

mod binding;
mod escalation;
mod index;
mod refusal;
mod rule;
#[cfg(test)]
mod tests;

pub use binding::subject_matches;
pub use escalation::{covers, escalation_message};
pub use index::{Decision, Granted, Policy};
pub use refusal::{forbidden, refusal};
pub use rule::Rule;

/// The group whose members may do everything, whatever the policy says.
pub const MASTERS: &str = "system:masters";

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The name of the user.
    pub user: &'a str,
    /// The groups of the user.
    pub groups: &'a [&'a str],
    /// The verb, such as `list`; of a path, the lower-case HTTP method.
    pub verb: &'a str,
    /// What it is done to; none for a path that is no resource.
    pub resource: Option<ResourceRequest<'a>>,
    /// The path, for requests that are not about a resource.
    pub path: &'a str,
}

/// What a request is done to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceRequest<'a> {
    /// The API group, empty for core.
    pub group: &'a str,
    /// The resource (plural).
    pub resource: &'a str,
    /// The subresource, possibly empty.
    pub subresource: &'a str,
    /// The namespace, empty at the cluster scope. Of a `Namespace` it is the name itself.
    pub namespace: &'a str,
    /// The name, possibly empty.
    pub name: &'a str,
}

fn quoted_list<S: AsRef<str>>(items: &[S]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("{:?}", item.as_ref())).collect();
    format!("[{}]", quoted.join(" "))
}
