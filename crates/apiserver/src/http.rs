//! Requests and answers as HTTP has them.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod query;
pub(crate) mod reply;
pub(crate) mod target;
pub(crate) mod upgrade;

pub(crate) use accept::Accept;
pub(crate) use body::Body;
pub(crate) use query::Query;
pub(crate) use reply::Reply;
pub(crate) use target::{Target, Verb};
pub(crate) use upgrade::Upgrade;
