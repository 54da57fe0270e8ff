//! The columns of what configures Pods and limits their namespaces.

use serde_json::{Map, Value};

use super::read::{Read, scalar};
use super::{Column, Columns, age};

/// Returns the columns of a kind of this file.
pub(super) fn of(kind: &str) -> Option<&'static Columns> {
    Some(match kind {
        "Secret" => &SECRET,
        "ConfigMap" => &CONFIG_MAP,
        "ServiceAccount" => &SERVICE_ACCOUNT,
        "ResourceQuota" => &RESOURCE_QUOTA,
        _ => return None,
    })
}

static SECRET: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Type", "What the data is for."),
        Column::text("Data", "The number of entries."),
        Column::age(),
    ],
    |secret, now| {
        vec![
            secret.text("metadata.name").into(),
            secret.text("type").into(),
            entries(secret, "data").into(),
            age::of(secret, now).into(),
        ]
    },
);

static CONFIG_MAP: Columns = Columns::known(
    &[Column::name(), Column::text("Data", "The number of entries."), Column::age()],
    |config, now| {
        vec![
            config.text("metadata.name").into(),
            (entries(config, "data") + entries(config, "binaryData")).into(),
            age::of(config, now).into(),
        ]
    },
);

static SERVICE_ACCOUNT: Columns = Columns::known(&[Column::name(), Column::age()], |account, now| {
    vec![account.text("metadata.name").into(), age::of(account, now).into()]
});

static RESOURCE_QUOTA: Columns = Columns::known(
    &[
        Column::name(),
        Column::text("Request", "What is used of what may be requested or created."),
        Column::text("Limit", "What is used of what limits may add up to."),
        Column::age(),
    ],
    |quota, now| {
        let (limits, requests) = usage(quota);
        vec![
            quota.text("metadata.name").into(),
            requests.join(", ").into(),
            limits.join(", ").into(),
            age::of(quota, now).into(),
        ]
    },
);

fn entries(object: &Value, field: &str) -> usize {
    object.map(field).map_or(0, Map::len)
}

/// Returns `resource: used/hard` of the limits and of everything else, by name.
fn usage(quota: &Value) -> (Vec<String>, Vec<String>) {
    let used = quota.map("status.used");
    let mut hard: Vec<(&String, &Value)> = quota.map("status.hard").into_iter().flatten().collect();
    hard.sort_unstable_by_key(|&(name, _)| name);
    let shown = hard.into_iter().map(|(name, most)| {
        let used = used.and_then(|used| used.get(name)).unwrap_or(&Value::Null);
        (name, format!("{name}: {}/{}", scalar(used, "0"), scalar(most, "0")))
    });
    let (limits, requests): (Vec<_>, Vec<_>) = shown.partition(|(name, _)| name.starts_with("limits."));
    let texts = |side: Vec<(&String, String)>| side.into_iter().map(|(_, text)| text).collect();
    (texts(limits), texts(requests))
}
