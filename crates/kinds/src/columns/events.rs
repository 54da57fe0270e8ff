//! The columns of events, which two groups name differently.

use serde_json::Value;

use super::read::{Read, or};
use super::{Column, Columns, age};

pub(super) static EVENT: Columns = Columns::known(
    &[
        Column::text("Last Seen", "The time since it last happened."),
        Column::text("Type", "Whether it is normal or a warning."),
        Column::text("Reason", "What happened, in a word."),
        Column::text("Object", "What it happened to."),
        Column::wide("Subobject", "The part of the object it happened to."),
        Column::wide("Source", "Who reported it."),
        Column::text("Message", "What happened, in words for people."),
        Column::wide("First Seen", "The time since it first happened."),
        Column::wide("Count", "How often it happened."),
        Column::full("Name", "string", "name", "The name of the event.", 1),
    ],
    cells,
);

fn cells(event: &Value, now: i64) -> Vec<Value> {
    let (first, last, count) = times(event, now);
    let about = either(event, "involvedObject", "regarding");
    let message = or(event.text("message"), event.text("note"));
    vec![
        last.into(),
        event.text("type").into(),
        event.text("reason").into(),
        object(about).into(),
        about.text("fieldPath").into(),
        source(event).into(),
        message.trim().into(),
        first.into(),
        count.into(),
        event.text("metadata.name").into(),
    ]
}

/// Returns the field of the core group, or that of the events group where there is none.
fn either<'a>(event: &'a Value, core: &str, events: &str) -> &'a Value {
    let value = event.at(core);
    if value.is_null() { event.at(events) } else { value }
}

/// Returns how long ago an event was seen first and last, and how often.
fn times(event: &Value, now: i64) -> (String, String, i64) {
    let seen = |core, events| {
        let time = either(event, core, events);
        age::seconds(time).map(|_| age::since(time, now))
    };
    let first = seen("firstTimestamp", "deprecatedFirstTimestamp")
        .unwrap_or_else(|| age::since(event.at("eventTime"), now));
    let series = event.at("series");
    if series.is_object() {
        return (first, age::since(series.at("lastObservedTime"), now), series.int("count"));
    }
    let last = seen("lastTimestamp", "deprecatedLastTimestamp").unwrap_or_else(|| first.clone());
    let count = either(event, "count", "deprecatedCount").as_i64().unwrap_or(0);
    // An event that happened once says nothing of how often.
    (first, last, if count == 0 { 1 } else { count })
}

fn object(about: &Value) -> String {
    let kind = about.text("kind").to_lowercase();
    match about.text("name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(event: &Value) -> String {
    let source = either(event, "source", "deprecatedSource");
    let controller = or(event.text("reportingComponent"), event.text("reportingController"));
    let component = or(source.text("component"), controller);
    match or(source.text("host"), event.text("reportingInstance")) {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    }
}
