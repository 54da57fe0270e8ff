//! The columns of kinds that have none of their own, and those of a `Status`.

use serde_json::Value;

use super::read::Read;
use super::{Column, Columns, age};

/// What a server prints that has no time to print.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

pub(super) static ANY: Columns = Columns::known(
    &[Column::name(), Column::new("Created At", "date", "The time at which the object was created.")],
    |object, _| {
        let created = object.text("metadata.creationTimestamp");
        let created = if age::parse(created).is_some() { created } else { NO_TIME };
        vec![object.text("metadata.name").into(), created.into()]
    },
);

pub(super) static STATUS: Columns = Columns::known(
    &[
        Column::text("Status", "Whether the request succeeded."),
        Column::text("Reason", "Why it failed, in a word."),
        Column::text("Message", "What happened, in words for people."),
    ],
    |status, _| ["status", "reason", "message"].map(|field| Value::from(status.text(field))).to_vec(),
);
