//! watch: objects as they change.
//!
//! A watch is a task with a position in the ring of its resource. It writes as fast as its client reads; when the
//! client is so slow that the ring has moved on, it is told that its history is gone, and cut off.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt as _;
use serde_json::{Value, json};
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::status::{Reason, Status};
use stanchion_store::KeyValueStore;
use stanchion_store::core::{EventKind, KeyRange, Revision};
use stanchion_store::watch::{Notice, WatchSpec};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::api::Api;
use crate::cache::{Change, Entry, Expired, Shard, What};
use crate::call::Call;
use crate::http::accept::Form;
use crate::http::{Query, Reply};
use crate::present::Presenter;
use crate::select::Selection;

/// Parts of an answer that wait for a slow client.
const QUEUE: usize = 2;
/// Changes looked at in one go.
const BATCH: usize = 256;
/// Bytes after which a part is sent. A slow client holds a few parts, and there may be thousands.
const PART: usize = 16 * 1024;
/// How often a quiet client is told the revision.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);
/// The longest that a watch lasts, whatever its client wishes.
const LONGEST: Duration = Duration::from_hours(7 * 24);
/// How long before its end a watch is told the revision once more.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);
/// How long a client may take to read what was written for it.
const STALLED: Duration = Duration::from_mins(2);

/// Watches that a server serves at the same time.
pub(crate) const LIMIT: usize = 20_000;

/// What a client wants besides the selection.
struct Options {
    /// The state as it is comes first, as ADDED.
    initial: bool,
    /// A bookmark marks the end of the initial events.
    marks_initial: bool,
    bookmarks: bool,
    timeout: Duration,
}

struct Watcher {
    api: Arc<Api>,
    shard: Arc<Shard>,
    selection: Selection,
    presenter: Presenter,
    options: Options,
    position: i64,
    with_columns: bool,
    out: mpsc::Sender<Bytes>,
    /// What is to be sent before the buffer.
    parts: Vec<Bytes>,
    /// A single event to be sent, shared with the other watches.
    single: Option<Bytes>,
    /// Several events to be sent together.
    buffer: Vec<u8>,
    kind: String,
    api_version: String,
}

/// Why a watch ends early.
enum End {
    /// The client has gone, or does not read.
    Gone,
    /// The client is told this, as the last event.
    Failed(Status),
}

/// Begins a watch.
pub(crate) async fn watch(api: &Arc<Api>, call: &Call) -> Result<Reply, Status> {
    let permit = Arc::clone(&api.watches).try_acquire_owned().map_err(|_| {
        Status::new(Reason::TooManyRequests, format!("more than {LIMIT} watches at once")).retry_after(5)
    })?;
    let form = call.form()?;
    let presenter = Presenter::new(&call.resource, form, &call.query)?;
    let selection = Selection::parse(&call.resource, call.namespace(), &call.query)?;
    let selection = selection.of_name(&call.target.name);
    let (options, position) = begin(api, &call.query).await?;
    let (out, parts) = mpsc::channel(QUEUE);
    let (kind, api_version) = bookmark_kind(call, form);
    let watcher = Watcher {
        api: Arc::clone(api),
        shard: api.cache.shard(call.resource.prefix()),
        selection,
        presenter,
        options,
        position,
        with_columns: true,
        out,
        parts: Vec::new(),
        single: None,
        buffer: Vec::new(),
        kind,
        api_version,
    };
    tokio::spawn(async move {
        let _permit = permit;
        watcher.run().await;
    });
    Ok(Reply::stream("application/json", parts))
}

fn bookmark_kind(call: &Call, form: Form) -> (String, String) {
    match form {
        Form::Object => (call.resource.kind().to_owned(), call.resource.api_version()),
        Form::Table(version) => ("Table".to_owned(), format!("meta.k8s.io/{version}")),
        Form::Metadata(version) => ("PartialObjectMetadata".to_owned(), format!("meta.k8s.io/{version}")),
    }
}

/// Reads the options, and where to begin.
async fn begin(api: &Api, query: &Query) -> Result<(Options, i64), Status> {
    check(query)?;
    let initial_wanted = query.has("sendInitialEvents").then(|| query.flag("sendInitialEvents"));
    let version = query.text("resourceVersion");
    let timeout = match query.number("timeoutSeconds")? {
        Some(seconds) if seconds > 0 => Duration::from_secs(seconds.unsigned_abs()).min(LONGEST),
        _ => Duration::from_secs(rand::rng().random_range(1800..=3600)),
    };
    let (initial, position) = match (version, initial_wanted) {
        ("", Some(false)) => (false, api.cache.fresh().await?),
        ("", _) => (true, api.cache.fresh().await?),
        ("0", wanted) => (wanted != Some(false), api.cache.revision()),
        (text, Some(true)) => (true, api.cache.wait_for(super::list::revision(text)?).await?),
        (text, _) => {
            let wanted = super::list::revision(text)?;
            api.cache.wait_for(wanted).await?;
            (false, wanted)
        }
    };
    let bookmarks = query.flag("allowWatchBookmarks");
    let options =
        Options { initial, marks_initial: bookmarks && initial_wanted == Some(true), bookmarks, timeout };
    Ok((options, position))
}

fn check(query: &Query) -> Result<(), Status> {
    let matching = Path::new("resourceVersionMatch");
    let wanted = query.text("resourceVersionMatch");
    let mut errors = Vec::new();
    if query.has("sendInitialEvents") {
        if wanted != "NotOlderThan" {
            let text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            errors.push(FieldError::forbidden(&matching, text));
        }
    } else if !wanted.is_empty() {
        let text = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        errors.push(FieldError::forbidden(&matching, text));
    }
    if !wanted.is_empty() {
        if wanted != "NotOlderThan" {
            errors.push(FieldError::not_supported(&matching, wanted, &["NotOlderThan"]));
        }
        if !query.text("continue").is_empty() {
            let text = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&matching, text));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(super::list::invalid(&errors)) }
}

impl Watcher {
    async fn run(mut self) {
        let ends = Instant::now() + self.options.timeout;
        let end = tokio::select! {
            end = self.follow(ends) => end,
            () = tokio::time::sleep_until(ends) => Ok(()),
        };
        match end {
            Err(End::Failed(status)) => {
                self.event(b"{\"type\":\"ERROR\",\"object\":", &Bytes::from(status.to_value().to_string()));
                if self.flush().await.is_err() {
                    tracing::debug!("the client of a watch has gone before its last event");
                }
            }
            Ok(()) | Err(End::Gone) => {}
        }
    }

    async fn follow(&mut self, ends: Instant) -> Result<(), End> {
        let mut moved = self.shard.moved();
        if self.options.initial {
            self.initial().await?;
        } else {
            self.catch_up().await?;
        }
        let last = ends.checked_sub(LAST_BOOKMARK).unwrap_or(ends);
        let (mut next, mut said_last) = ((Instant::now() + BOOKMARK_EVERY).min(last), false);
        // What a change does not end is waited for throughout: to begin anew costs more than the change.
        let (out, stopping) = (self.out.clone(), self.api.stopping.clone());
        let (mut closed, mut stopped) = (pin!(out.closed()), pin!(stopping.cancelled()));
        let mut due = pin!(tokio::time::sleep_until(next));
        loop {
            moved.borrow_and_update();
            self.drain().await?;
            tokio::select! {
                changed = moved.changed() => if changed.is_err() { return Ok(()) },
                () = &mut closed => return Err(End::Gone),
                () = &mut due, if !said_last => {
                    said_last = next == last;
                    self.quiet_bookmark().await?;
                    next = (Instant::now() + BOOKMARK_EVERY).min(last);
                    due.as_mut().reset(next);
                }
                () = &mut stopped => return Ok(()),
            }
        }
    }

    /// Sends the state at the position, as objects that were added.
    async fn initial(&mut self) -> Result<(), End> {
        let found = self.shard.list_at(self.selection.namespace(), "", self.position);
        let Some(found) = found else { return Err(self.expired(Expired(self.position + 1))) };
        for entry in found {
            if self.selection.matches(&entry) {
                self.object(What::Added, &entry);
                self.flush_full().await?;
            }
        }
        if self.options.marks_initial {
            self.bookmark(json!({"k8s.io/initial-events-end": "true"}));
        }
        self.flush().await
    }

    /// Sends what happened between the position and the beginning of the ring, from the store's history.
    async fn catch_up(&mut self) -> Result<(), End> {
        let Err(Expired(since)) = self.shard.changes(self.position, 0) else { return Ok(()) };
        if !self.api.cache.orders_progress() {
            // Nothing would tell when the history is complete.
            return Err(self.expired(Expired(since)));
        }
        let range = KeyRange::prefix(crate::storage::full(&format!("{}/", self.shard.prefix())));
        let mut spec = WatchSpec::new(range, Revision(self.position + 1));
        spec.prev_kv = true;
        let store: Arc<dyn KeyValueStore> = Arc::clone(self.api.storage.store());
        let failed = |error: &stanchion_store::core::StoreError| End::Failed(crate::storage::failure(error));
        let mut history = store.watch(spec).await.map_err(|error| failed(&error))?;
        if let Err(error) = history.request_progress().await {
            return Err(failed(&error));
        }
        while self.position < since {
            match history.next().await.map_err(|error| failed(&error))? {
                Some(Notice::Created { .. }) => {}
                Some(Notice::Progress { revision, .. }) => self.position = self.position.max(revision.0),
                Some(Notice::Events { revision, events, .. }) => {
                    for event in events {
                        self.past(&event);
                        self.flush_full().await?;
                    }
                    self.position = self.position.max(revision.0);
                }
                Some(Notice::Compacted { .. } | Notice::Refused { .. } | Notice::Canceled { .. }) | None => {
                    return Err(self.expired(Expired(since)));
                }
            }
        }
        self.flush().await
    }

    fn past(&mut self, event: &stanchion_store::watch::WatchEvent) {
        let kv = &event.event.kv;
        let strip = crate::storage::ROOT.len() + self.shard.prefix().len() + 1;
        let key: Arc<str> = Arc::from(String::from_utf8_lossy(&kv.key[strip..]).as_ref());
        let read = |revision: i64, bytes: &[u8]| self.shard.read(Arc::clone(&key), revision, bytes);
        let before = event.prev_kv.as_ref().and_then(|kv| read(kv.modified.0, &kv.value));
        let deleted = event.event.kind == EventKind::Delete;
        let after = if deleted {
            event.prev_kv.as_ref().and_then(|before| read(kv.modified.0, &before.value))
        } else {
            read(kv.modified.0, &kv.value)
        };
        if let Some(after) = after {
            let (before, after) = (before.map(Arc::new), Arc::new(after));
            self.change(&Change { revision: kv.modified.0, before, after, deleted });
        }
    }

    /// Sends everything that the ring has after the position.
    async fn drain(&mut self) -> Result<(), End> {
        loop {
            let changes =
                self.shard.changes(self.position, BATCH).map_err(|expired| self.expired(expired))?;
            let Some(last) = changes.last() else { return self.flush().await };
            let last = last.revision;
            for change in &changes {
                self.change(change);
                self.flush_full().await?;
            }
            self.position = last;
        }
    }

    /// Writes a change as the selection sees it: what comes to match is added, what no longer does is deleted.
    fn change(&mut self, change: &Change) {
        let now = !change.deleted && self.selection.matches(&change.after);
        let before = change.before.as_ref().is_some_and(|before| self.selection.matches(before));
        match (before, now) {
            (false, true) => self.object(What::Added, &change.after),
            (true, true) => self.object(What::Modified, &change.after),
            (true, false) if change.deleted => self.object(What::Deleted, &change.after),
            (true, false) => {
                if let Some(before) = &change.before {
                    let last = before.at(change.revision);
                    self.object(What::Deleted, &last);
                }
            }
            (false, false) => {}
        }
    }

    fn object(&mut self, what: What, entry: &Entry) {
        if !self.presenter.as_stored() {
            let body = self.presenter.entry(entry, self.with_columns);
            self.with_columns = false;
            return self.event(what.head(), &body);
        }
        match entry.event(what) {
            Some(event) if event.len() >= PART => {
                self.gather();
                self.parts.push(event);
            }
            Some(event) if self.single.is_none() && self.buffer.is_empty() => self.single = Some(event),
            Some(event) => {
                self.gather_single();
                self.buffer.extend_from_slice(&event);
            }
            None => self.event(what.head(), &entry.body()),
        }
    }

    fn event(&mut self, head: &[u8], body: &Bytes) {
        self.gather_single();
        self.buffer.extend_from_slice(head);
        if body.len() < PART {
            self.buffer.extend_from_slice(body);
        } else {
            // All watches share the bytes of a large object.
            self.gather();
            self.parts.push(body.clone());
        }
        self.buffer.extend_from_slice(b"}\n");
    }

    /// Moves a single event to where others follow it.
    fn gather_single(&mut self) {
        if let Some(event) = self.single.take() {
            self.buffer.extend_from_slice(&event);
        }
    }

    /// Moves what waits to the parts that are sent before what follows.
    fn gather(&mut self) {
        self.parts.extend(self.single.take());
        if !self.buffer.is_empty() {
            self.parts.push(Bytes::from(std::mem::take(&mut self.buffer)));
        }
    }

    fn bookmark(&mut self, annotations: Value) {
        let mut metadata = json!({"resourceVersion": self.position.to_string()});
        if !annotations.is_null() {
            metadata["annotations"] = annotations;
        }
        let mut object = json!({"kind": self.kind, "apiVersion": self.api_version, "metadata": metadata});
        if self.kind == "Table" {
            object["columnDefinitions"] = Value::Null;
            object["rows"] = json!([]);
            let inner = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
            object["rows"] = json!([{"cells": [], "object": inner}]);
        }
        let object = object.to_string();
        self.event(b"{\"type\":\"BOOKMARK\",\"object\":", &Bytes::from(object));
    }

    /// Tells a client that wants to know how far everything has been told.
    async fn quiet_bookmark(&mut self) -> Result<(), End> {
        if self.options.bookmarks {
            let reached = self.api.cache.revision();
            self.drain().await?;
            self.position = self.position.max(reached);
            self.bookmark(Value::Null);
        }
        self.flush().await
    }

    async fn flush_full(&mut self) -> Result<(), End> {
        if self.buffer.len() >= PART || !self.parts.is_empty() { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.gather();
        for part in std::mem::take(&mut self.parts) {
            match tokio::time::timeout(STALLED, self.out.send(part)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(End::Gone),
            }
        }
        Ok(())
    }

    fn expired(&self, Expired(since): Expired) -> End {
        let text = format!("too old resource version: {} ({since})", self.position);
        End::Failed(Status::new(Reason::Expired, text))
    }
}
