//! create: a new object.

use std::time::Duration;

use bytes::Bytes;
use stanchion_kinds::table::Access;
use stanchion_machinery::apply::{self, FieldSet, Operation};
use stanchion_machinery::status::{Reason, Status};
use stanchion_machinery::{Value, encode, meta};
use stanchion_store::core::LeaseId;
use tokio::time::Instant;

use crate::admission::{self, Attempt};
use crate::api::Api;
use crate::call::Call;
use crate::clock;
use crate::decode::{self, Draft};
use crate::http::Reply;
use crate::http::accept::Form;
use crate::present::Presenter;
use crate::resource::{ObjectKey, Resource};
use crate::storage::{Outcome, Write};
use crate::strategy::{self, Part};

/// How long a write is tried again because others were quicker.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Where Events stand.
const EVENTS: &str = "events";
/// Generated names that are tried before a client is told that they are taken.
const NAME_ATTEMPTS: usize = 8;

/// Creates the object of the body.
pub(crate) async fn create(api: &Api, call: &Call) -> Result<Reply, Status> {
    if call.resource.access() == Access::Review {
        return crate::reviews::create(api, call).await;
    }
    let presenter = Presenter::new(&call.resource, call.form()?, &call.query)?;
    let draft = decode::object(call)?;
    let manager = call.manager()?;
    let owner = Owner::Update(manager);
    let created = store(api, call, draft.object, &owner).await?;
    Ok(created.reply(call, &presenter, 201)?.warn(draft.warnings))
}

/// Who owns the fields of what is written.
#[derive(Clone, Debug)]
pub(crate) enum Owner {
    /// A manager, of what differs.
    Update(String),
    /// It is in the object already.
    Applied,
}

/// An object as it was written.
#[derive(Debug)]
pub(crate) struct Written {
    /// The object in the version of the request.
    pub(crate) object: Value,
    /// Its bytes as stored and the revision, if just this was written and the version is the stored one.
    bytes: Option<(Bytes, i64)>,
}

impl Written {
    pub(crate) fn new(object: Value) -> Self {
        Self { object, bytes: None }
    }

    /// Remembers the bytes of an object that was stored at a revision, so that it need not be laid out again.
    pub(crate) fn stored(mut object: Value, resource: &Resource, bytes: Bytes, revision: i64) -> Self {
        meta::set(&mut object, "resourceVersion", revision.to_string());
        Self { object, bytes: resource.is_stored_form().then_some((bytes, revision)) }
    }

    /// Answers with it.
    pub(crate) fn reply(self, call: &Call, presenter: &Presenter, code: u16) -> Result<Reply, Status> {
        match (self.bytes, call.form()?) {
            (Some((bytes, revision)), Form::Object) => {
                Ok(Reply::json(code, encode::with_revision(&bytes, revision)))
            }
            (_, _) => Ok(presenter.reply(code, self.object)),
        }
    }
}

/// Takes a new object through defaults, admission and validation, and stores it.
pub(crate) async fn store(api: &Api, call: &Call, draft: Value, owner: &Owner) -> Result<Written, Status> {
    let generated = meta::name(&draft).is_empty() && !meta::text(&draft, "generateName").is_empty();
    if !generated {
        return store_once(api, call, draft, owner).await;
    }
    for attempt in 1.. {
        match store_once(api, call, draft.clone(), owner).await {
            Err(status) if status.reason == Reason::AlreadyExists => {
                if attempt == NAME_ATTEMPTS {
                    let text = "the server was not able to generate a unique name for the object";
                    return Err(Status { message: text.to_owned(), ..status }.retry_after(1));
                }
            }
            other => return other,
        }
    }
    Err(Status::internal("no name was tried"))
}

async fn store_once(api: &Api, call: &Call, mut object: Value, owner: &Owner) -> Result<Written, Status> {
    strategy::begin_create(call, &mut object)?;
    let name = meta::name(&object).to_owned();
    if !call.target.name.is_empty() && name != call.target.name {
        let text = format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.target.name
        );
        return Err(Status::bad_request(text));
    }
    strategy::default(&call.resource, &mut object);
    let key = ObjectKey::new(call.namespace(), &name);
    let attempt = Attempt::create(call, &key)?;
    admission::mutate(api, &attempt, &mut object, None).await?;
    strategy::prepare_create(&call.resource, &mut object);
    own(&call.resource, Part::Main, owner, crate::ownership::untouched(&call.resource), &mut object);
    let errors = strategy::validate_create(&call.resource, &object);
    if !errors.is_empty() {
        return Err(Status::invalid(call.resource.group(), call.resource.kind(), &name, &errors));
    }
    admission::validate(api, &attempt, &object, None)?;
    commit(api, call, &attempt, &key, object).await
}

/// Records who owns which fields.
pub(crate) fn own(resource: &Resource, part: Part, owner: &Owner, old: Option<&Value>, new: &mut Value) {
    let Owner::Update(name) = owner else { return };
    let (time, api_version) = (clock::now(), resource.api_version());
    let manager = apply::Manager {
        name,
        operation: Operation::Update,
        api_version: &api_version,
        subresource: part.name(),
        time: &time,
    };
    apply::update(resource.schema(), old, new, &manager, ignored(resource, part));
}

/// Returns the fields that this part of an object cannot own.
pub(crate) fn ignored(resource: &Resource, part: Part) -> &'static FieldSet {
    use stanchion_kinds::table::Subresource;
    match part {
        Part::Main if resource.has(Subresource::Status) => &crate::ownership::STATUS,
        Part::Main
        | Part::Whole
        | Part::Finalize
        | Part::EphemeralContainers
        | Part::Resize
        | Part::Scale => &crate::ownership::NOTHING,
        Part::Status => &crate::ownership::SPEC,
    }
}

async fn commit(
    api: &Api,
    call: &Call,
    attempt: &Attempt<'_>,
    key: &ObjectKey,
    mut object: Value,
) -> Result<Written, Status> {
    let subject = call.resource.subject();
    let place = call.place(key);
    let deadline = Instant::now() + PATIENCE;
    let uncompleted = admission::completes(attempt).then(|| object.clone());
    loop {
        if let Some(uncompleted) = &uncompleted {
            object.clone_from(uncompleted);
        }
        let reserved = admission::reserve(api, attempt, Some(&mut object), None).await?;
        if attempt.dry_run {
            if api.storage.get(&place).await?.is_some() {
                return Err(Status::already_exists(subject, &key.name));
            }
            return Ok(Written::new(object));
        }
        let bytes = laid_out(&call.resource, &object);
        let lease = lease(api, &call.resource).await?;
        let main = Write { key: place.clone(), expected: 0, bytes: Some(bytes.clone()), lease };
        let mut writes = vec![main];
        writes.extend_from_slice(reserved.writes());
        match api.storage.write(&writes).await? {
            Outcome::Done(revision) => {
                let written = Written::stored(object, &call.resource, bytes, revision);
                crate::definitions::written(api, call, &written.object);
                return Ok(written);
            }
            Outcome::Changed(found) if found.first().is_some_and(Option::is_some) => {
                return Err(Status::already_exists(subject, &key.name));
            }
            Outcome::Changed(_) if Instant::now() > deadline => return Err(busy(call, &key.name)),
            Outcome::Changed(_) => {}
        }
    }
}

/// Returns what limits the life of what is written: Events go after a while.
pub(crate) async fn lease(api: &Api, resource: &Resource) -> Result<LeaseId, Status> {
    if resource.prefix() == EVENTS {
        api.storage.lease(api.options.event_ttl_seconds).await
    } else {
        Ok(LeaseId::NONE)
    }
}

/// Lays out an object as it is stored.
pub(crate) fn laid_out(resource: &Resource, object: &Value) -> Bytes {
    if resource.is_stored_form() {
        return Bytes::from(encode::stored(object));
    }
    let mut stored = object.clone();
    resource.to_stored(&mut stored);
    Bytes::from(encode::stored(&stored))
}

/// The failure of a write that others were quicker than, again and again.
pub(crate) fn busy(call: &Call, name: &str) -> Status {
    let text = format!("{} {name:?} or its quota changes too often to be written", call.resource.subject());
    Status::new(Reason::TooManyRequests, text).retry_after(1)
}

impl From<Draft> for Value {
    fn from(draft: Draft) -> Self {
        draft.object
    }
}
