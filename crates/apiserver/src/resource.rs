//! What is served: a built-in kind, or a version of a custom resource, behind one face.

use std::sync::Arc;

use stanchion_kinds::table::{Access, Kind, SelectableField, Subresource};
use stanchion_machinery::Value;
use stanchion_machinery::schema::Schema;
use stanchion_machinery::status::Subject;

use crate::custom::CustomVersion;

/// Kinds of `v1` that should no longer be used.
const DEPRECATED: &[(&str, &str)] = &[
    ("ComponentStatus", "v1 ComponentStatus is deprecated in v1.19+"),
    ("Endpoints", "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
];

/// The place of an object below its resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ObjectKey {
    /// Empty for objects of the whole cluster.
    pub(crate) namespace: String,
    /// The name.
    pub(crate) name: String,
}

impl ObjectKey {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Returns `namespace/name`, or `name`.
    pub(crate) fn path(&self) -> String {
        if self.namespace.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

/// One resource in one version.
#[derive(Clone, Debug)]
pub(crate) enum Resource {
    /// Known from the table.
    BuiltIn(&'static Kind),
    /// Known from a `CustomResourceDefinition`.
    Custom(Arc<CustomVersion>),
}

impl Resource {
    pub(crate) fn group(&self) -> &str {
        match self {
            Self::BuiltIn(kind) => kind.group,
            Self::Custom(custom) => &custom.group,
        }
    }

    pub(crate) fn version(&self) -> &str {
        match self {
            Self::BuiltIn(kind) => kind.version,
            Self::Custom(custom) => &custom.version,
        }
    }

    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::BuiltIn(kind) => kind.kind,
            Self::Custom(custom) => &custom.names.kind,
        }
    }

    pub(crate) fn plural(&self) -> &str {
        match self {
            Self::BuiltIn(kind) => kind.plural,
            Self::Custom(custom) => &custom.names.plural,
        }
    }

    pub(crate) fn singular(&self) -> &str {
        match self {
            Self::BuiltIn(kind) => kind.singular,
            Self::Custom(custom) => &custom.names.singular,
        }
    }

    /// Returns the kind of lists.
    pub(crate) fn list_kind(&self) -> String {
        match self {
            Self::BuiltIn(kind) => format!("{}List", kind.kind),
            Self::Custom(custom) => custom.names.list_kind.clone(),
        }
    }

    pub(crate) fn short_names(&self) -> Vec<&str> {
        match self {
            Self::BuiltIn(kind) => kind.short.to_vec(),
            Self::Custom(custom) => custom.names.short.iter().map(String::as_str).collect(),
        }
    }

    pub(crate) fn categories(&self) -> Vec<&str> {
        match self {
            Self::BuiltIn(kind) => kind.categories.to_vec(),
            Self::Custom(custom) => custom.names.categories.iter().map(String::as_str).collect(),
        }
    }

    pub(crate) fn namespaced(&self) -> bool {
        match self {
            Self::BuiltIn(kind) => kind.namespaced,
            Self::Custom(custom) => custom.namespaced,
        }
    }

    pub(crate) fn access(&self) -> Access {
        match self {
            Self::BuiltIn(kind) => kind.access,
            Self::Custom(_) => Access::Stored,
        }
    }

    /// Returns `v1` or `group/version`.
    pub(crate) fn api_version(&self) -> String {
        api_version(self.group(), self.version())
    }

    /// Returns where objects stand in the store, below the root.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::BuiltIn(kind) => kind.prefix,
            Self::Custom(custom) => &custom.prefix,
        }
    }

    /// Returns how failures speak of it.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject { group: self.group(), resource: self.plural() }
    }

    /// Returns what its objects look like.
    pub(crate) fn schema(&self) -> Schema<'_> {
        match self {
            Self::BuiltIn(kind) => kind.schema(),
            Self::Custom(custom) => custom.schema(),
        }
    }

    pub(crate) fn has(&self, subresource: Subresource) -> bool {
        match self {
            Self::BuiltIn(kind) => kind.has(subresource),
            Self::Custom(custom) => match subresource {
                Subresource::Status => custom.has_status,
                Subresource::Scale => custom.scale.is_some(),
                _ => false,
            },
        }
    }

    /// Returns the subresources in the order of discovery.
    pub(crate) fn subresources(&self) -> Vec<Subresource> {
        match self {
            Self::BuiltIn(kind) => kind.subresources.to_vec(),
            Self::Custom(_) => {
                let all = [Subresource::Scale, Subresource::Status];
                all.into_iter().filter(|sub| self.has(*sub)).collect()
            }
        }
    }

    /// Returns the warning that goes with every answer about it, if its version is deprecated.
    pub(crate) fn deprecation(&self) -> Option<&str> {
        match self {
            Self::BuiltIn(kind) => {
                let found = DEPRECATED.iter().find(|(name, _)| kind.group.is_empty() && *name == kind.kind);
                found.map(|(_, warning)| *warning)
            }
            Self::Custom(custom) => custom.deprecation.as_deref(),
        }
    }

    /// Returns the fields of a built-in kind that a selector may name.
    pub(crate) fn fields(&self) -> &'static [SelectableField] {
        match self {
            Self::BuiltIn(kind) => kind.fields,
            Self::Custom(_) => &[],
        }
    }

    /// Returns whether `metadata.generation` counts changes of what is wanted.
    pub(crate) fn counts_generation(&self) -> bool {
        match self {
            Self::BuiltIn(kind) => kind.generation,
            Self::Custom(_) => true,
        }
    }

    pub(crate) fn is(&self, group: &str, plural: &str) -> bool {
        self.group() == group && self.plural() == plural
    }

    /// Returns whether it is the face of autoscalers that is not stored.
    fn is_old_autoscaler(&self) -> bool {
        self.version() == "v1" && self.is("autoscaling", "horizontalpodautoscalers")
    }

    /// Turns a stored object into this version. Versions differ in `apiVersion` only, except for Events and autoscalers.
    pub(crate) fn read_stored(&self, object: &mut Value) {
        if self.is("events.k8s.io", "events") {
            crate::events::to_new_group(object);
        } else if self.is_old_autoscaler() {
            crate::autoscalers::to_v1(object);
        } else if let Self::Custom(custom) = self {
            custom.read(object);
        }
    }

    /// Turns an object of this version into how it is stored.
    pub(crate) fn to_stored(&self, object: &mut Value) {
        if self.is("events.k8s.io", "events") {
            crate::events::to_core(object);
        } else if self.is_old_autoscaler() {
            crate::autoscalers::to_v2(object);
        } else if let Self::Custom(custom) = self {
            object["apiVersion"] = custom.storage_api_version.as_str().into();
        }
    }

    /// Returns whether objects are served as the store has them.
    pub(crate) fn is_stored_form(&self) -> bool {
        matches!(self, Self::BuiltIn(_)) && self.group() != "events.k8s.io" && !self.is_old_autoscaler()
    }
}

/// Returns `v1` or `group/version`.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
