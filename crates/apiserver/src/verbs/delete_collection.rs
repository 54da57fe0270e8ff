//! deletecollection: every object that a selection matches.

use serde_json::json;
use stanchion_machinery::status::{Reason, Status};

use super::delete::{Options, remove};
use crate::api::Api;
use crate::call::Call;
use crate::http::Reply;
use crate::resource::ObjectKey;

/// Deletes the objects one by one; one that goes meanwhile is no failure.
pub(crate) async fn delete_collection(api: &Api, call: &Call) -> Result<Reply, Status> {
    let options = Options::of(call)?;
    let (metadata, entries) = super::list::select(api, call).await?;
    let mut items = Vec::new();
    for entry in entries {
        let key = ObjectKey::new(entry.namespace(), entry.name());
        match remove(api, call, &key, &options).await {
            Ok(deleted) => items.push(deleted.object),
            Err(status) if status.reason == Reason::NotFound => {}
            Err(status) => return Err(status),
        }
    }
    let list = json!({
        "kind": call.resource.list_kind(), "apiVersion": call.resource.api_version(),
        "metadata": metadata, "items": items,
    });
    Ok(Reply::object(200, &list))
}
