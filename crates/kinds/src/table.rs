//! The table of built-in kinds: one row each, and nothing that is not a row.

mod rows;

pub use rows::ROWS;

use stanchion_machinery::Value;
use stanchion_machinery::schema::Schema;

/// What clients may do with the objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything: they are stored.
    Stored,
    /// Create only: the answer is the object, nothing is stored.
    Review,
    /// Get and list only.
    ReadOnly,
}

/// A part of an object with an address of its own, or an action on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subresource {
    /// What is observed, written apart from what is wanted.
    Status,
    /// The number of replicas.
    Scale,
    /// Removes a finalizer of a namespace.
    Finalize,
    /// Binds a Pod to a node.
    Binding,
    /// Deletes a Pod if budgets allow.
    Eviction,
    /// Issues a token for a service account.
    Token,
    /// Adds containers to a running Pod.
    EphemeralContainers,
    /// Changes the resources of a running Pod.
    Resize,
    /// Reads the output of a container; served by the node.
    Log,
    /// Runs a command in a container; served by the node.
    Exec,
    /// Connects to a running container; not served.
    Attach,
    /// Forwards ports; not served.
    PortForward,
    /// Passes a request on to the endpoint of a node.
    NodeProxy,
    /// Passes a request on to a Pod; not served.
    PodProxy,
    /// Passes a request on to a Pod of a Service; not served.
    ServiceProxy,
}

impl Subresource {
    /// Returns the word in the path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Scale => "scale",
            Self::Finalize => "finalize",
            Self::Binding => "binding",
            Self::Eviction => "eviction",
            Self::Token => "token",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
            Self::Log => "log",
            Self::Exec => "exec",
            Self::Attach => "attach",
            Self::PortForward => "portforward",
            Self::NodeProxy | Self::PodProxy | Self::ServiceProxy => "proxy",
        }
    }

    /// Returns the group, version and kind of what goes over the wire; of the object itself where nothing else is.
    pub fn wire(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::Scale => Some(("autoscaling", "v1", "Scale")),
            Self::Binding => Some(("", "v1", "Binding")),
            Self::Eviction => Some(("policy", "v1", "Eviction")),
            Self::Token => Some(("authentication.k8s.io", "v1", "TokenRequest")),
            Self::Exec => Some(("", "v1", "PodExecOptions")),
            Self::Attach => Some(("", "v1", "PodAttachOptions")),
            Self::PortForward => Some(("", "v1", "PodPortForwardOptions")),
            Self::NodeProxy => Some(("", "v1", "NodeProxyOptions")),
            Self::PodProxy => Some(("", "v1", "PodProxyOptions")),
            Self::ServiceProxy => Some(("", "v1", "ServiceProxyOptions")),
            Self::Status | Self::Finalize | Self::EphemeralContainers | Self::Resize | Self::Log => None,
        }
    }

    /// Returns the verbs, as discovery lists them.
    pub fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::Status | Self::Scale | Self::EphemeralContainers | Self::Resize => {
                &["get", "patch", "update"]
            }
            Self::Finalize => &["update"],
            Self::Binding | Self::Eviction | Self::Token => &["create"],
            Self::Log => &["get"],
            Self::Exec | Self::Attach | Self::PortForward => &["create", "get"],
            Self::NodeProxy | Self::PodProxy | Self::ServiceProxy => {
                &["create", "delete", "get", "patch", "update"]
            }
        }
    }
}

/// A field that a selector may name.
#[derive(Clone, Copy, Debug)]
pub struct SelectableField {
    /// The label, such as `spec.nodeName`.
    pub label: &'static str,
    /// The way to it from the object.
    pub path: &'static [&'static str],
    /// What it counts as where the object has nothing there.
    pub absent: &'static str,
}

/// A built-in kind.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "a kind has a kind: that is how the API calls it")]
pub struct Kind {
    /// The API group, empty for core.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The resource: plural, lower case.
    pub plural: &'static str,
    /// The resource in the singular.
    pub singular: &'static str,
    /// Short names.
    pub short: &'static [&'static str],
    /// Categories, such as `all`.
    pub categories: &'static [&'static str],
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// The published name of the type.
    pub type_name: &'static str,
    /// What clients may do.
    pub access: Access,
    /// Where objects stand in the store, below the root.
    pub prefix: &'static str,
    /// Parts and actions.
    pub subresources: &'static [Subresource],
    /// Fields that a selector may name, besides `metadata.name` and `metadata.namespace`.
    pub fields: &'static [SelectableField],
    /// Whether `metadata.generation` counts changes of what is wanted.
    pub generation: bool,
    /// Whether objects that do not exist are created by an update.
    pub create_on_update: bool,
}

impl Kind {
    /// Returns what objects look like.
    pub fn schema(&self) -> Schema<'static> {
        crate::schema::named(self.type_name).expect("a test finds the type of every row")
    }

    /// Returns `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Returns whether it has a subresource.
    pub fn has(&self, subresource: Subresource) -> bool {
        self.subresources.contains(&subresource)
    }
}

impl SelectableField {
    /// Reads the field of an object as a selector sees it.
    pub fn read(&self, object: &Value) -> String {
        let found = self.path.iter().try_fold(object, |value, key| value.get(key));
        match found {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => self.absent.to_owned(),
            Some(other) => other.to_string(),
        }
    }
}

/// Finds the row of a resource.
pub fn resource(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    ROWS.iter().find(|row| row.plural == plural && row.group == group && row.version == version)
}

/// Finds the row of a kind.
pub fn kind(group: &str, version: &str, kind: &str) -> Option<&'static Kind> {
    ROWS.iter().find(|row| row.kind == kind && row.group == group && row.version == version)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_has_its_type_and_its_place() {
        let mut seen = HashSet::new();
        for row in ROWS {
            assert!(crate::schema::named(row.type_name).is_some(), "{} is described", row.type_name);
            assert!(seen.insert((row.group, row.version, row.plural)), "{} stands once", row.plural);
            if row.access == Access::Stored {
                assert!(!row.prefix.is_empty(), "{} has a place", row.plural);
            }
            if row.has(Subresource::Status) {
                assert!(row.schema().field("status").is_some(), "{} has a status", row.kind);
            }
        }
    }
}
