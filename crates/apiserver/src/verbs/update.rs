//! update: an object in place of the one that is there. Patches and parts of objects go the same way.

use stanchion_machinery::apply;
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, meta};
use stanchion_store::core::LeaseId;
use tokio::time::Instant;

use super::create::{self, Owner, PATIENCE, Written, busy, laid_out, own};
use crate::admission::{self, Attempt};
use crate::api::Api;
use crate::call::Call;
use crate::decode;
use crate::definitions;
use crate::http::Reply;
use crate::present::Presenter;
use crate::resource::{ObjectKey, Resource};
use crate::storage::{Outcome, Stored, Write};
use crate::strategy::{self, Part};

/// Replaces the object by the one in the body.
pub(crate) async fn update(api: &Api, call: &Call, part: Part) -> Result<Reply, Status> {
    let presenter = Presenter::new(&call.resource, call.form()?, &call.query)?;
    let draft = decode::object(call)?;
    strategy::check_place(call, &draft.object)?;
    let owner = Owner::Update(call.manager()?);
    let key = call.key();
    let may_create =
        matches!(&call.resource, Resource::BuiltIn(kind) if kind.create_on_update) && part == Part::Main;
    if may_create && api.storage.get(&call.place(&key)).await?.is_none() {
        let created = create::store(api, call, draft.object, &owner).await?;
        return Ok(created.reply(call, &presenter, 201)?.warn(draft.warnings));
    }
    let object = draft.object;
    let written = modify(api, call, part, &key, |old| {
        let errors = strategy::check_conditional(&call.resource, &object);
        if errors.is_empty() {
            Ok(Made { object: object.clone(), owner: owner.clone(), warnings: Vec::new() })
        } else {
            Err(Status::invalid(call.resource.group(), call.resource.kind(), meta::name(old), &errors))
        }
    });
    let (written, _) = written.await?;
    Ok(written.reply(call, &presenter, 200)?.warn(draft.warnings))
}

/// An object made from the one that is there.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) object: Value,
    pub(crate) owner: Owner,
    pub(crate) warnings: Vec<String>,
}

/// Changes an object: makes a new one from the old, as often as others are quicker.
pub(crate) async fn modify(
    api: &Api,
    call: &Call,
    part: Part,
    key: &ObjectKey,
    make: impl Fn(&Value) -> Result<Made, Status>,
) -> Result<(Written, Vec<String>), Status> {
    let place = call.place(key);
    let attempt = Attempt::update(call, key, part)?;
    let missing = || Status::not_found(call.resource.subject(), &key.name);
    let deadline = Instant::now() + PATIENCE;
    let mut stored = api.storage.get(&place).await?.ok_or_else(missing)?;
    loop {
        let step = Step { api, call, part, place: &place, attempt: &attempt };
        match step.attempt(&stored, &make).await? {
            Progress::Done(written, warnings) => return Ok((written, warnings)),
            Progress::Gone => return Err(missing()),
            Progress::Changed(_) if Instant::now() > deadline => return Err(busy(call, &key.name)),
            Progress::Changed(newer) => stored = newer,
        }
    }
}

enum Progress {
    Done(Written, Vec<String>),
    Changed(Stored),
    Gone,
}

struct Step<'a> {
    api: &'a Api,
    call: &'a Call,
    part: Part,
    place: &'a str,
    attempt: &'a Attempt<'a>,
}

impl Step<'_> {
    async fn attempt(
        &self,
        stored: &Stored,
        make: &impl Fn(&Value) -> Result<Made, Status>,
    ) -> Result<Progress, Status> {
        let (call, resource) = (self.call, &self.call.resource);
        let mut old = stored.object()?;
        resource.read_stored(&mut old);
        let Made { mut object, owner, warnings } = make(&old)?;
        strategy::check_identity(call, &mut object, &old)?;
        strategy::default(resource, &mut object);
        strategy::prepare_update(resource, self.part, &mut object, &old);
        admission::mutate(self.api, self.attempt, &mut object, Some(&old)).await?;
        own(resource, self.part, &owner, Some(&old), &mut object);
        apply::keep_times(&old, &mut object);
        let errors = strategy::validate_update(resource, self.part, &object, &old);
        if !errors.is_empty() {
            return Err(Status::invalid(resource.group(), resource.kind(), meta::name(&old), &errors));
        }
        if object == old {
            return Ok(Progress::Done(Written::new(old), warnings));
        }
        admission::validate(self.api, self.attempt, &object, Some(&old))?;
        self.write(stored, object, &old, warnings).await
    }

    async fn write(
        &self,
        stored: &Stored,
        mut object: Value,
        old: &Value,
        warnings: Vec<String>,
    ) -> Result<Progress, Status> {
        let ends = ends_with(&object);
        let new = (!ends).then_some(&mut object);
        let reserved = admission::reserve(self.api, self.attempt, new, Some(old)).await?;
        if self.attempt.dry_run {
            return Ok(Progress::Done(Written::new(object), warnings));
        }
        let bytes = (!ends).then(|| laid_out(&self.call.resource, &object));
        let lease = if ends { LeaseId::NONE } else { create::lease(self.api, &self.call.resource).await? };
        let main =
            Write { bytes: bytes.clone(), lease, ..Write::delete(self.place.to_owned(), stored.revision) };
        let mut writes = vec![main];
        writes.extend_from_slice(reserved.writes());
        match self.api.storage.write(&writes).await? {
            Outcome::Done(revision) => {
                let written = if let Some(bytes) = bytes {
                    Written::stored(object, &self.call.resource, bytes, revision)
                } else {
                    meta::set(&mut object, "resourceVersion", revision.to_string());
                    Written::new(object)
                };
                definitions::written(self.api, self.call, &written.object);
                Ok(Progress::Done(written, warnings))
            }
            Outcome::Changed(found) => match found.into_iter().next().flatten() {
                Some(newer) => Ok(Progress::Changed(newer)),
                None => Ok(Progress::Gone),
            },
        }
    }
}

/// Returns whether an object was only waiting for its last finalizer to go.
pub(crate) fn ends_with(object: &Value) -> bool {
    let metadata = object.get("metadata");
    let grace =
        metadata.and_then(|m| m.get("deletionGracePeriodSeconds")).and_then(Value::as_i64).unwrap_or(0);
    let holds = object.get("kind").and_then(Value::as_str) == Some("Namespace")
        && object.get("apiVersion").and_then(Value::as_str) == Some("v1")
        && object.pointer("/spec/finalizers").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    meta::is_deleting(object) && grace == 0 && !holds && meta::strings(object, "finalizers").next().is_none()
}
