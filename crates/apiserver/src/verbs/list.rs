//! list: many objects at one moment, whole or in chunks.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::status::{Reason, Status};
use stanchion_machinery::{Map, Value};
use stanchion_store::core::StoreError;

use crate::api::Api;
use crate::cache::{Entry, Shard, What};
use crate::call::Call;
use crate::http::{Query, Reply};
use crate::present::Presenter;
use crate::select::Selection;

/// What a client may be told when the history of its chunks is gone.
const EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can \
    start a new list without the continue parameter, or use the continue token in this response to retrieve the \
    remainder of the results. Continuing with the provided token results in an inconsistent list - objects that \
    were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// At which moment a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// After every answered write.
    Fresh,
    /// Whenever.
    Any,
    /// Not before a revision.
    NotOlderThan(i64),
    /// At a revision.
    Exact(i64),
}

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    /// -1: whatever is there now.
    revision: i64,
    from: String,
}

/// Answers with many objects.
pub(crate) async fn list(api: &Api, call: &Call) -> Result<Reply, Status> {
    let presenter = Presenter::new(&call.resource, call.form()?, &call.query)?;
    let (metadata, entries) = select(api, call).await?;
    Ok(Reply::json(200, presenter.list(&metadata, &entries)))
}

/// Finds the objects and the metadata of the list.
pub(crate) async fn select(api: &Api, call: &Call) -> Result<(Value, Vec<Arc<Entry>>), Status> {
    let query = &call.query;
    check(query)?;
    let selection = Selection::parse(&call.resource, call.namespace(), query)?;
    // It means nothing here, but has to be a number.
    query.number("timeoutSeconds")?;
    let limit = match query.number("limit")?.unwrap_or(0) {
        limit if limit < 0 => {
            let error = FieldError::invalid(&Path::new("limit"), limit, "must be greater than or equal to 0");
            return Err(invalid(&[error]));
        }
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let shard = api.cache.shard(call.resource.prefix());
    let (revision, from, found) = match query.text("continue") {
        "" => first(api, call, &shard, selection.namespace()).await?,
        token => follow(api, call, &shard, selection.namespace(), token).await?,
    };
    let limit = if query.text("resourceVersion") == "0" { 0 } else { limit };
    let total = found.len();
    let mut entries = Vec::new();
    let mut rest = found.into_iter();
    for entry in rest.by_ref() {
        if selection.matches(&entry) {
            entries.push(entry);
            if limit > 0 && entries.len() > limit {
                break;
            }
        }
    }
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".to_owned(), json!(revision.to_string()));
    if limit > 0 && entries.len() > limit {
        entries.pop();
        if let Some(last) = entries.last() {
            let token = Token { revision, from: format!("{}\0", last.key) };
            metadata.insert("continue".to_owned(), json!(token.encode(selection.namespace())));
        }
        if selection.is_everything() {
            metadata.insert("remainingItemCount".to_owned(), json!(total - entries.len()));
        }
    }
    tracing::trace!(%from, revision, "listed");
    Ok((Value::Object(metadata), entries))
}

type Found = (i64, String, Vec<Arc<Entry>>);

async fn first(api: &Api, call: &Call, shard: &Shard, namespace: &str) -> Result<Found, Status> {
    let cache = &api.cache;
    let revision = match moment(&call.query)? {
        Moment::Fresh => cache.fresh().await?,
        Moment::Any => cache.revision(),
        Moment::NotOlderThan(revision) => cache.wait_for(revision).await?,
        Moment::Exact(revision) => {
            cache.wait_for(revision).await?;
            revision
        }
    };
    let found = at(api, call, shard, namespace, "", revision).await?;
    found
        .map(|found| (revision, String::new(), found))
        .map_err(|()| Status::new(Reason::Expired, "The resourceVersion for the provided list is too old."))
}

async fn follow(
    api: &Api,
    call: &Call,
    shard: &Shard,
    namespace: &str,
    token: &str,
) -> Result<Found, Status> {
    let token = Token::decode(token, namespace)?;
    if !matches!(call.query.text("resourceVersion"), "" | "0") {
        return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
    }
    if token.revision < 0 {
        let revision = api.cache.fresh().await?;
        return Ok((revision, token.from.clone(), shard.list(namespace, &token.from)));
    }
    api.cache.wait_for(token.revision).await?;
    if let Ok(found) = at(api, call, shard, namespace, &token.from, token.revision).await? {
        Ok((token.revision, token.from, found))
    } else {
        let mut status = Status::new(Reason::Expired, EXPIRED);
        status.continue_token = Token { revision: -1, from: token.from }.encode(namespace);
        Err(status)
    }
}

/// Lists at a revision: from the cache if its ring reaches back, from the store's history if not.
async fn at(
    api: &Api,
    call: &Call,
    shard: &Shard,
    namespace: &str,
    from: &str,
    revision: i64,
) -> Result<Result<Vec<Arc<Entry>>, ()>, Status> {
    if let Some(found) = shard.list_at(namespace, from, revision) {
        return Ok(Ok(found));
    }
    let prefix = format!("{}/", shard.prefix());
    let start =
        if from.is_empty() && !namespace.is_empty() { format!("{namespace}/") } else { from.to_owned() };
    match api.storage.list_at(&prefix, &format!("{prefix}{start}"), revision, 0).await {
        Ok((pairs, _)) => {
            let entries = pairs.into_iter().filter_map(|(key, stored)| {
                let key = Arc::from(&key[prefix.len()..]);
                Entry::new(key, stored.revision, &stored.bytes, call.resource.fields(), What::Added)
                    .map(Arc::new)
            });
            let within = |entry: &Arc<Entry>| namespace.is_empty() || entry.namespace() == namespace;
            Ok(Ok(entries.filter(within).collect()))
        }
        Err(StoreError::Compacted(_)) => Ok(Err(())),
        Err(error) => Err(crate::storage::failure(&error)),
    }
}

fn moment(query: &Query) -> Result<Moment, Status> {
    // A first chunk that names a version begins a list at just that version, unless it says otherwise.
    let exact = match query.text("resourceVersionMatch") {
        "" => query.number("limit")?.is_some_and(|limit| limit > 0),
        wanted => wanted == "Exact",
    };
    Ok(match query.text("resourceVersion") {
        "" => Moment::Fresh,
        "0" => Moment::Any,
        text if exact => Moment::Exact(revision(text)?),
        text => Moment::NotOlderThan(revision(text)?),
    })
}

/// Reads a resource version.
pub(crate) fn revision(text: &str) -> Result<i64, Status> {
    let parsed = text.parse::<i64>().ok().filter(|revision| *revision >= 0);
    parsed.ok_or_else(|| {
        let error =
            FieldError::invalid(&Path::new("resourceVersion"), text, "strconv.ParseUint: invalid syntax");
        invalid(&[error])
    })
}

/// Holds the options of a list to their rules.
fn check(query: &Query) -> Result<(), Status> {
    let matching = Path::new("resourceVersionMatch");
    let (version, wanted) = (query.text("resourceVersion"), query.text("resourceVersionMatch"));
    let mut errors = Vec::new();
    if !wanted.is_empty() {
        if version.is_empty() {
            let text = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(FieldError::forbidden(&matching, text));
        }
        if !query.text("continue").is_empty() {
            let text = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&matching, text));
        }
        if !matches!(wanted, "Exact" | "NotOlderThan") {
            errors.push(FieldError::not_supported(&matching, wanted, &["Exact", "NotOlderThan"]));
        }
        if wanted == "Exact" && version == "0" {
            let text = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(FieldError::forbidden(&matching, text));
        }
    }
    if query.has("sendInitialEvents") {
        let text = "sendInitialEvents is forbidden for list";
        errors.push(FieldError::forbidden(&Path::new("sendInitialEvents"), text));
    }
    if errors.is_empty() { Ok(()) } else { Err(invalid(&errors)) }
}

/// Makes the failure of options that break their rules.
pub(crate) fn invalid(errors: &[FieldError]) -> Status {
    Status::invalid("meta.k8s.io", "ListOptions", "", errors)
}

impl Token {
    /// Lays out a token as other servers do: the key is relative to what was listed.
    fn encode(&self, namespace: &str) -> String {
        let from = self.from.strip_prefix(namespace).unwrap_or(&self.from).trim_start_matches('/');
        URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": self.revision, "start": from}).to_string())
    }

    fn decode(token: &str, namespace: &str) -> Result<Self, Status> {
        let bad = || Status::bad_request("continue key is not valid: the token was not made by this API");
        let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).map_err(|_| bad())?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        let (version, revision, from) = (value["v"].as_str(), value["rv"].as_i64(), value["start"].as_str());
        match (version, revision, from) {
            (Some("meta.k8s.io/v1"), Some(revision), Some(from))
                if (revision > 0 || revision == -1) && !from.is_empty() && !from.contains("..") =>
            {
                let from = if namespace.is_empty() { from.to_owned() } else { format!("{namespace}/{from}") };
                Ok(Self { revision, from })
            }
            _ => Err(bad()),
        }
    }
}
