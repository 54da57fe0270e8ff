//! One request for a resource, understood and authorized.

use bytes::Bytes;
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::status::{Reason, Status};

use crate::authn::User;
use crate::http::accept::Form;
use crate::http::target::ResourceTarget;
use crate::http::{Accept, Query, Upgrade, Verb};
use crate::resource::{ObjectKey, Resource};

/// The longest name of a field manager.
const MANAGER_LIMIT: usize = 128;

/// One request for a resource.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) target: ResourceTarget,
    pub(crate) resource: Resource,
    pub(crate) query: Query,
    pub(crate) accept: Accept,
    pub(crate) user: User,
    pub(crate) user_agent: String,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    pub(crate) upgrade: Upgrade,
}

impl Call {
    /// Makes a request of the same user for another resource, as part of this one.
    pub(crate) fn on(&self, resource: Resource, verb: Verb) -> Self {
        Self {
            verb,
            target: self.target.clone(),
            resource,
            query: self.query.clone(),
            accept: self.accept.clone(),
            user: self.user.clone(),
            user_agent: self.user_agent.clone(),
            content_type: self.content_type.clone(),
            body: Bytes::new(),
            upgrade: Upgrade::None,
        }
    }

    /// Returns which object it is about.
    pub(crate) fn key(&self) -> ObjectKey {
        let namespace = if self.resource.namespaced() { self.target.namespace.as_str() } else { "" };
        ObjectKey::new(namespace, &self.target.name)
    }

    /// Returns the namespace it is confined to, empty for none.
    pub(crate) fn namespace(&self) -> &str {
        if self.resource.namespaced() { &self.target.namespace } else { "" }
    }

    /// Returns the place of an object in the store, below the root.
    pub(crate) fn place(&self, key: &ObjectKey) -> String {
        format!("{}/{}", self.resource.prefix(), key.path())
    }

    /// Returns in which form the answer is wanted.
    pub(crate) fn form(&self) -> Result<Form, Status> {
        self.accept.form().ok_or_else(|| {
            let text = "only the following media types are accepted: application/json, \
                application/json;as=Table;v=v1;g=meta.k8s.io, \
                application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
            Status::new(Reason::NotAcceptable, text)
        })
    }

    /// Returns whether nothing is to be stored.
    pub(crate) fn dry_run(&self) -> Result<bool, Status> {
        let mut dry = false;
        for value in self.query.all("dryRun") {
            match value {
                "All" => dry = true,
                "" => {}
                other => {
                    let path = Path::new("dryRun");
                    return Err(self.bad_option(FieldError::not_supported(&path, other, &["All"])));
                }
            }
        }
        Ok(dry)
    }

    /// Makes the failure of an option that the API does not have.
    pub(crate) fn bad_option(&self, error: FieldError) -> Status {
        let kind = match self.verb {
            Verb::Create => "CreateOptions",
            Verb::Update => "UpdateOptions",
            Verb::Patch => "PatchOptions",
            Verb::Delete | Verb::DeleteCollection => "DeleteOptions",
            Verb::Get | Verb::List | Verb::Watch => "ListOptions",
        };
        Status::invalid("meta.k8s.io", kind, "", &[error])
    }

    /// Returns who applies: whoever does has to say so.
    pub(crate) fn applier(&self) -> Result<String, Status> {
        if self.query.text("fieldManager").is_empty() {
            let path = Path::new("fieldManager");
            return Err(self.bad_option(FieldError::required(&path, "is required for apply patch")));
        }
        self.manager()
    }

    /// Returns who owns what this request writes.
    pub(crate) fn manager(&self) -> Result<String, Status> {
        let named = self.query.text("fieldManager");
        if named.is_empty() {
            let agent = self.user_agent.split('/').next().unwrap_or("");
            let printable = agent.chars().filter(|c| !c.is_control());
            let manager: String = printable.take(MANAGER_LIMIT).collect();
            return Ok(if manager.is_empty() { "unknown".to_owned() } else { manager });
        }
        let path = Path::new("fieldManager");
        if named.len() > MANAGER_LIMIT {
            return Err(self.bad_option(FieldError::too_long(&path, MANAGER_LIMIT)));
        }
        if let Some(control) = named.chars().find(|c| c.is_control()) {
            let at = named.chars().position(|c| c == control).unwrap_or(0);
            let why = format!("should only contain printable characters (unprintable at {at})");
            return Err(self.bad_option(FieldError::invalid(&path, named, why)));
        }
        Ok(named.to_owned())
    }
}
