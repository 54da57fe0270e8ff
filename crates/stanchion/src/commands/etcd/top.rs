//! `stanchion etcd top`

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use stanchion_doctor_core::{Bytes, Facts, Keyspace, Need, Reading, Status};

use super::options::Connection;
use super::read;
use crate::commands::db::text::table;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, line};

/// Of which etcd.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Show so many kinds, and so many keys.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Read all names and only some values: sizes are estimates then, and single keys are not told.
    #[arg(long)]
    estimate: bool,
}

/// What fills it, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    source: String,
    revision: u64,
    /// Whether all values were read.
    exact: bool,
    keys: u64,
    /// Of keys and their newest values.
    bytes: u64,
    /// Of the member's file; what is not of keys and their newest values is history and what the file itself takes.
    in_use: u64,
    kinds: Vec<Kind>,
    largest: Vec<Large>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    prefix: String,
    keys: u64,
    bytes: u64,
    writes: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Large {
    key: String,
    bytes: u64,
    writes: u64,
}

/// Shows what fills an etcd.
pub(super) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let mut options = arguments.connection.options()?;
    options.keyspace = arguments.estimate;
    let etcd = Connection::prepare(options)?;
    let facts = read(&etcd).await?;
    let Some((member, status)) = facts.etcd.spare() else {
        return Err(Failure::new(Exit::Unhealthy, anyhow!("no member that answers is up to date")));
    };
    let keyspace = if arguments.estimate {
        estimated(&facts)?
    } else {
        let in_use = Bytes(status.in_use);
        output::note(&format!("reading all keys and values of {}, {in_use} at most …", member.label()));
        etcd.weigh(&facts, arguments.limit).await.map_err(|error| Failure::new(Exit::Unavailable, error))?
    };
    let document = document(keyspace, status, arguments);
    if format != Format::Table {
        return output::document(&document, format);
    }
    output::text(&shown(&document));
    Ok(())
}

fn estimated(facts: &Facts) -> Result<Keyspace, Failure> {
    match (&facts.etcd.keyspace, facts.readings.get(&Need::EtcdKeyspace)) {
        (Some(keyspace), _) => Ok(keyspace.clone()),
        (None, Some(Reading::Failed { source, why })) => {
            Err(Failure::new(Exit::Unavailable, anyhow!("cannot read the keys of {source}: {why}")))
        }
        (None, _) => Err(Failure::new(Exit::Unavailable, anyhow!("the keys were not read"))),
    }
}

fn document(keyspace: Keyspace, status: &Status, arguments: &Arguments) -> Document {
    let kinds = keyspace.fillers.into_iter().take(arguments.limit);
    let kinds = kinds.map(|it| Kind { prefix: it.prefix, keys: it.keys, bytes: it.bytes, writes: it.writes });
    let largest = keyspace.largest.into_iter();
    let largest = largest.map(|it| Large { key: it.key, bytes: it.bytes, writes: it.writes });
    Document {
        source: keyspace.source,
        revision: keyspace.revision,
        exact: !arguments.estimate,
        keys: keyspace.keys,
        bytes: keyspace.bytes,
        in_use: status.in_use,
        kinds: kinds.collect(),
        largest: largest.collect(),
    }
}

fn shown(document: &Document) -> String {
    let mut text = String::new();
    let about = if document.exact { "" } else { "about " };
    line(
        &mut text,
        format_args!(
            "{} keys with their newest values: {about}{}. {} are in use in the file: the rest is history, and what the file \
             itself takes.",
            document.keys,
            Bytes(document.bytes),
            Bytes(document.in_use)
        ),
    );
    let percent = |part: u64| (part * 100).checked_div(document.bytes).unwrap_or(0);
    let kinds = document.kinds.iter().map(|kind| {
        let share = format!("{} %", percent(kind.bytes));
        let bytes = Bytes(kind.bytes).to_string();
        vec![kind.prefix.clone(), kind.keys.to_string(), bytes, share, kind.writes.to_string()]
    });
    if !document.kinds.is_empty() {
        text.push('\n');
        text += &table(&["KIND", "KEYS", "BYTES", "SHARE", "WRITES"], &kinds.collect::<Vec<_>>());
    }
    if !document.largest.is_empty() {
        text.push('\n');
        let keys = document.largest.iter();
        let keys = keys.map(|it| vec![it.key.clone(), Bytes(it.bytes).to_string(), it.writes.to_string()]);
        text += &table(&["KEY", "BYTES", "WRITES"], &keys.collect::<Vec<_>>());
    }
    text
}
