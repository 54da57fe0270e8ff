//! The owners that an object records in `metadata.managedFields`.
//!
//! An owner is identified by its name, operation and subresource, and, unless it applies, by the API version. What
//! is not touched is kept as it was written.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::Manager;
use super::form::Place;
use super::set::FieldSet;

const MAX_UPDATERS: usize = 10;
const ANCIENT: &str = "ancient-changes";

/// One owner and its fields.
#[derive(Clone, Debug)]
pub(super) struct Entry<'v> {
    pub(super) manager: String,
    pub(super) applied: bool,
    pub(super) api_version: String,
    pub(super) subresource: String,
    pub(super) time: Option<String>,
    pub(super) fields: FieldSet,
    /// The entry as it was written, unless something changed since.
    written: Option<&'v Value>,
}

impl<'v> Entry<'v> {
    pub(super) fn new(manager: &Manager<'_>, applied: bool, fields: FieldSet) -> Self {
        let name = if manager.name.is_empty() { "unknown" } else { manager.name };
        Self {
            manager: name.to_owned(),
            applied,
            api_version: manager.api_version.to_owned(),
            subresource: manager.subresource.to_owned(),
            time: None,
            fields,
            written: None,
        }
    }

    fn decode(value: &'v Value, place: Place<'_>) -> Result<Self, String> {
        let map = value.as_object().ok_or("an entry is not an object")?;
        let text = |key: &str| match map.get(key) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(format!("{key} is not a string")),
        };
        let applied = match text("operation")? {
            "Apply" => true,
            "Update" => false,
            _ => return Err("operation must be `Apply` or `Update`".to_owned()),
        };
        let api_version = text("apiVersion")?;
        if api_version.is_empty() {
            return Err("apiVersion must not be empty".to_owned());
        }
        match text("fieldsType")? {
            "FieldsV1" => {}
            "" => return Err("missing fieldsType in managed fields entry".to_owned()),
            other => return Err(format!("invalid fieldsType {other:?} in managed fields entry")),
        }
        let fields = map.get("fieldsV1").map_or_else(|| Ok(FieldSet::default()), FieldSet::from_fields_v1);
        let fields = fields.map_err(|e| format!("error decoding versioned set: {e}"))?;
        let settled = fields.settled(place);
        Ok(Self {
            manager: text("manager")?.to_owned(),
            applied,
            api_version: api_version.to_owned(),
            subresource: text("subresource")?.to_owned(),
            time: Some(text("time")?).filter(|time| !time.is_empty()).map(str::to_owned),
            written: settled.is_none().then_some(value),
            fields: settled.unwrap_or(fields),
        })
    }

    fn encode(&self) -> Value {
        if let Some(written) = self.written {
            return written.clone();
        }
        let mut map = Map::new();
        let mut put = |key: &str, text: &str| {
            if !text.is_empty() {
                map.insert(key.to_owned(), Value::String(text.to_owned()));
            }
        };
        put("apiVersion", &self.api_version);
        put("fieldsType", "FieldsV1");
        put("manager", &self.manager);
        put("operation", operation(self.applied));
        put("subresource", &self.subresource);
        put("time", self.time.as_deref().unwrap_or(""));
        map.insert("fieldsV1".to_owned(), self.fields.to_fields_v1());
        Value::Object(map)
    }

    fn is_same_owner(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// Gives fields up.
    pub(super) fn lose(&mut self, fields: &FieldSet) {
        if self.fields.intersects(fields) {
            self.fields.subtract(fields);
            self.written = None;
        }
    }

    /// Sets the time of the last change.
    pub(super) fn touch(&mut self, time: &str) {
        self.time = (!time.is_empty()).then(|| time.to_owned());
        self.written = None;
    }

    /// Keeps the time of what was known of this owner, and how it was written if the fields are the same.
    pub(super) fn stay_as(&mut self, known: Option<&Self>) {
        let Some(known) = known else { return };
        self.time.clone_from(&known.time);
        if known.fields == self.fields && known.api_version == self.api_version {
            self.written = known.written;
        }
    }

    /// Returns what tells owners apart, and orders them in messages.
    pub(super) fn identity(&self) -> (&str, bool, &str, &str) {
        let version = if self.applied { "" } else { self.api_version.as_str() };
        (&self.manager, !self.applied, version, &self.subresource)
    }

    /// Orders entries as objects list them: appliers first, then by time and name.
    fn listed_before(&self, other: &Self) -> Ordering {
        (!self.applied, self.seconds(), &self.manager, &self.api_version, &self.subresource).cmp(&(
            !other.applied,
            other.seconds(),
            &other.manager,
            &other.api_version,
            &other.subresource,
        ))
    }

    fn seconds(&self) -> i64 {
        self.time.as_deref().map_or(0, seconds_of)
    }

    fn is_bucket(&self) -> bool {
        !self.applied && self.manager == ANCIENT && self.subresource.is_empty()
    }
}

fn operation(applied: bool) -> &'static str {
    if applied { "Apply" } else { "Update" }
}

/// All owners of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners<'v> {
    pub(super) entries: Vec<Entry<'v>>,
}

impl<'v> Owners<'v> {
    /// Reads the owners that an object records.
    pub(super) fn decode(list: Option<&'v Value>, place: Place<'_>) -> Result<Self, String> {
        let list = match list {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err("managedFields is not a list".to_owned()),
        };
        let entries = list.iter().map(|value| Entry::decode(value, place));
        let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
        // Of several entries of one owner the last counts.
        let mut known = HashSet::with_capacity(entries.len());
        let mut counts: Vec<bool> =
            entries.iter().rev().map(|entry| known.insert(entry.identity())).collect();
        entries.retain(|_| counts.pop().unwrap_or(true));
        Ok(Self { entries })
    }

    /// Writes the owners; none if there are none.
    pub(super) fn encode(mut self) -> Option<Value> {
        if self.entries.is_empty() {
            return None;
        }
        self.entries.sort_by(Entry::listed_before);
        Some(Value::Array(self.entries.iter().map(Entry::encode).collect()))
    }

    /// Records an owner in place of what was known of it, and returns that.
    pub(super) fn put(&mut self, entry: Entry<'v>) -> Option<Entry<'v>> {
        if let Some(known) = self.entries.iter_mut().find(|other| other.is_same_owner(&entry)) {
            return Some(std::mem::replace(known, entry));
        }
        self.entries.push(entry);
        None
    }

    /// Records that an owner got fields now.
    pub(super) fn gain(&mut self, mut entry: Entry<'v>, time: &str) {
        entry.touch(time);
        match self.entries.iter_mut().find(|other| other.is_same_owner(&entry)) {
            Some(known) => {
                known.fields.extend(entry.fields);
                known.touch(time);
            }
            None => self.entries.push(entry),
        }
    }

    /// Drops owners that own nothing.
    pub(super) fn drop_empty(&mut self) {
        self.entries.retain(|entry| !entry.fields.is_empty());
    }

    /// Joins the owners that have not written for longest, until there are few enough.
    ///
    /// They are joined per API version. The first of a version becomes where the others go, if there is no such
    /// entry from earlier.
    pub(super) fn cap(&mut self) {
        let mut updaters: Vec<usize> =
            (0..self.entries.len()).filter(|at| !self.entries[*at].applied).collect();
        let mut surplus = updaters.len().saturating_sub(MAX_UPDATERS);
        if surplus == 0 {
            return;
        }
        updaters.sort_by(|a, b| {
            let (a, b) = (&self.entries[*a], &self.entries[*b]);
            a.seconds().cmp(&b.seconds()).then_with(|| a.identity().cmp(&b.identity()))
        });
        let mut buckets: BTreeMap<String, usize> = (0..self.entries.len())
            .filter(|at| self.entries[*at].is_bucket())
            .map(|at| (self.entries[at].api_version.clone(), at))
            .collect();
        let mut firsts: BTreeMap<String, usize> = BTreeMap::new();
        for at in updaters {
            if surplus == 0 {
                break;
            }
            let version = self.entries[at].api_version.clone();
            let Some(first) = firsts.get(&version).copied() else {
                firsts.insert(version, at);
                continue;
            };
            let time = self.entries[at].time.clone();
            let bucket = *buckets.entry(version).or_insert(first);
            self.join(if bucket == at { first } else { at }, bucket, time);
            surplus -= 1;
        }
        self.drop_empty();
    }

    /// Moves all fields of one entry into another, which becomes a bucket of its version.
    fn join(&mut self, from: usize, bucket: usize, time: Option<String>) {
        let fields = std::mem::take(&mut self.entries[from].fields);
        let bucket = &mut self.entries[bucket];
        ANCIENT.clone_into(&mut bucket.manager);
        bucket.subresource.clear();
        bucket.fields.extend(fields);
        bucket.time = time;
        bucket.written = None;
    }
}

/// Returns the seconds of a moment in RFC 3339 since 1970, 0 if it is none.
fn seconds_of(time: &str) -> i64 {
    parse_seconds(time).unwrap_or(0)
}

fn parse_seconds(time: &str) -> Option<i64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let zone = time.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone.get(..1)? {
        "+" | "-" => {
            let minutes = zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
        _ => 0,
    };
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second)
}

/// Counts days in the Gregorian calendar, with years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_counted_in_seconds() {
        for (time, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:01Z", 951_825_601),
            ("2024-03-01T00:00:00Z", 1_709_251_200),
            ("2024-03-01T02:30:00.25+02:30", 1_709_251_200),
            ("2024-02-29T23:00:00-01:00", 1_709_251_200),
            ("1969-12-31T23:59:59Z", -1),
            ("soon", 0),
            ("2024-03-01T00:00:00\u{e9}", 0),
        ] {
            assert_eq!(seconds_of(time), seconds, "{time}");
        }
    }
}
