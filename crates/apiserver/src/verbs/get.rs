//! get: one object.

use stanchion_machinery::status::Status;

use crate::api::Api;
use crate::cache::{Entry, What};
use crate::call::Call;
use crate::http::Reply;
use crate::present::Presenter;

/// Answers with one object; never older than any answered write, unless the client says it may be.
pub(crate) async fn get(api: &Api, call: &Call) -> Result<Reply, Status> {
    let presenter = Presenter::new(&call.resource, call.form()?, &call.query)?;
    let entry = find(api, call).await?;
    Ok(Reply::json(200, presenter.entry(&entry, true)))
}

async fn find(api: &Api, call: &Call) -> Result<std::sync::Arc<Entry>, Status> {
    let key = call.key();
    let missing = || Status::not_found(call.resource.subject(), &key.name);
    let shard = api.cache.shard(call.resource.prefix());
    match call.query.text("resourceVersion") {
        "" => {
            let place = call.place(&key);
            let written = api.storage.written_at(&place).await?.ok_or_else(missing)?;
            if let Some(entry) = shard.get(&key.path())
                && entry.revision == written
            {
                return Ok(entry);
            }
            let stored = api.storage.get(&place).await?.ok_or_else(missing)?;
            let entry = Entry::new(
                key.path().into(),
                stored.revision,
                &stored.bytes,
                call.resource.fields(),
                What::Added,
            );
            entry.map(std::sync::Arc::new).ok_or_else(|| Status::internal("the stored object is not JSON"))
        }
        "0" => shard.get(&key.path()).ok_or_else(missing),
        text => {
            api.cache.wait_for(super::list::revision(text)?).await?;
            shard.get(&key.path()).ok_or_else(missing)
        }
    }
}
