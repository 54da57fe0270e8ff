//! Admission: what the state of the cluster says to a write, a file per concern.
//!
//! ```text
//!   defaults -> mutate -> validation -> owners -> validate -> reserve -> store
//! ```
//!
//! `reserve` returns further writes that are carried out in the same transaction as the object: the use of quotas,
//! the addresses of Services. So a quota is never exceeded and an address never given twice, whatever crashes.

mod address;
mod limits;
mod namespace;
mod pod;
mod ports;
mod quota;
mod storage;

use stanchion_kinds::policy;
use stanchion_machinery::status::{Reason, Status};
use stanchion_machinery::{Value, meta};

use crate::api::Api;
use crate::call::Call;
use crate::definitions;
use crate::resource::{ObjectKey, Resource};
use crate::storage::Write;
use crate::strategy::Part;

pub(crate) use namespace::furniture;
pub(crate) use quota::recount;

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
}

/// A write that asks to be admitted.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) call: &'a Call,
    pub(crate) key: &'a ObjectKey,
    pub(crate) operation: Operation,
    pub(crate) part: Part,
    pub(crate) dry_run: bool,
}

impl<'a> Attempt<'a> {
    pub(crate) fn create(call: &'a Call, key: &'a ObjectKey) -> Result<Self, Status> {
        Ok(Self { call, key, operation: Operation::Create, part: Part::Main, dry_run: call.dry_run()? })
    }

    pub(crate) fn update(call: &'a Call, key: &'a ObjectKey, part: Part) -> Result<Self, Status> {
        Ok(Self { call, key, operation: Operation::Update, part, dry_run: call.dry_run()? })
    }

    pub(crate) fn delete(call: &'a Call, key: &'a ObjectKey) -> Result<Self, Status> {
        Ok(Self { call, key, operation: Operation::Delete, part: Part::Main, dry_run: call.dry_run()? })
    }

    fn is(&self, group: &str, plural: &str) -> bool {
        self.call.resource.is(group, plural)
    }

    fn creates(&self) -> bool {
        self.operation == Operation::Create
    }

    fn forbidden(&self, why: &str) -> Status {
        Status::forbidden(self.call.resource.subject(), &self.key.name, why)
    }
}

/// What admission keeps between requests.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    quotas: quota::Turns,
    addresses: address::Turns,
}

/// Writes that go with an object, and turns that are held until it is written.
#[derive(Debug, Default)]
pub(crate) struct Reserved {
    writes: Vec<Write>,
    turns: Vec<tokio::sync::OwnedMutexGuard<()>>,
}

impl Reserved {
    pub(crate) fn writes(&self) -> &[Write] {
        &self.writes
    }
}

/// Changes an object as the cluster wants it.
pub(crate) async fn mutate(
    api: &Api,
    attempt: &Attempt<'_>,
    new: &mut Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    namespace::check(api, attempt, new).await?;
    if attempt.is("apiextensions.k8s.io", "customresourcedefinitions") && attempt.part == Part::Main {
        if attempt.creates() {
            definitions::hold(new);
        }
        definitions::settle(api, new);
    }
    if attempt.is("", "services") && attempt.part == Part::Main {
        address::families(new);
        ports::choose_check(api, attempt, new)?;
    }
    if attempt.creates() {
        if let Resource::Custom(custom) = &attempt.call.resource
            && custom.terminating
        {
            let text = "create not allowed while custom resource definition is terminating";
            return Err(Status::new(Reason::MethodNotAllowed, text));
        }
        limits::apply(api, attempt, new);
        if attempt.is("", "pods") {
            pod::admit(api, attempt, new).await?;
        }
        if attempt.is("", "nodes") {
            policy::pods::node_taints(new);
        }
        storage::admit(api, attempt, new);
    } else if attempt.is("", "pods") && attempt.part == Part::Main {
        pod::keep(new, old);
    }
    Ok(())
}

/// Refuses an object that the cluster does not want.
pub(crate) fn validate(
    api: &Api,
    attempt: &Attempt<'_>,
    new: &Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    match attempt.operation {
        Operation::Delete => namespace::check_delete(attempt),
        Operation::Create | Operation::Update => {
            limits::check(api, attempt, new)?;
            pod::check_priority_class(api, attempt, new)?;
            let (group, plural) = (attempt.call.resource.group(), attempt.call.resource.plural());
            if rules_differ(new, old) {
                let refused = api.authorizer.escalation(&attempt.call.user, group, plural, new);
                refused.map_err(|why| attempt.forbidden(&why))?;
            }
            Ok(())
        }
    }
}

fn rules_differ(new: &Value, old: Option<&Value>) -> bool {
    let keys = ["rules", "aggregationRule", "roleRef", "subjects"];
    old.is_none_or(|old| keys.iter().any(|key| new.get(key) != old.get(key)))
}

/// Returns whether what is reserved completes a new object: the addresses of Services.
pub(crate) fn completes(attempt: &Attempt<'_>) -> bool {
    attempt.is("", "services")
}

/// Reserves what an object uses up. `new` is none when the object goes away; it may be completed.
pub(crate) async fn reserve(
    api: &Api,
    attempt: &Attempt<'_>,
    new: Option<&mut Value>,
    old: Option<&Value>,
) -> Result<Reserved, Status> {
    let mut reserved = Reserved::default();
    let mut new = new;
    if attempt.is("", "services") && attempt.part == Part::Main {
        address::reserve(api, attempt, new.as_deref_mut(), old, &mut reserved).await?;
    }
    if attempt.is("", "namespaces") && attempt.creates() {
        namespace::furnish(api, new.as_deref(), &mut reserved).await?;
    }
    quota::reserve(api, attempt, new.as_deref(), old, &mut reserved).await?;
    Ok(reserved)
}

/// Returns the objects of a namespace (all if empty) as the cache has them.
fn cached(api: &Api, prefix: &str, namespace: &str) -> Vec<Value> {
    let found = api.cache.shard(prefix).list(namespace, "");
    found.iter().map(|entry| entry.object()).collect()
}

/// Finds an object: in the cache, or in the store for one so new that the cache has not seen it.
async fn find(api: &Api, prefix: &str, key: &str) -> Result<Option<Value>, Status> {
    if let Some(entry) = api.cache.shard(prefix).get(key) {
        return Ok(Some(entry.object()));
    }
    let stored = api.storage.get(&format!("{prefix}/{key}")).await?;
    stored.map(|stored| stored.object()).transpose()
}

fn name_of(object: Option<&Value>) -> &str {
    object.map_or("", meta::name)
}
