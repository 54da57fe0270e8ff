//! How an etcd grows: two looks at how much is in use, the first of them now, or remembered from an earlier run.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stanchion_doctor_core::{Etcd as Known, Facts, Growth, Need, Reading};
use thiserror::Error;

use super::Etcd;
use crate::chain;

/// Looks are remembered for so long: a forecast of a week is made of no more than a day, in seconds.
const REMEMBERED: i64 = 86_400;
/// Looks closer to one another tell nothing more, in seconds. With this there are no more than 1,440 of one cluster.
const APART: i64 = 60;

/// With what the size of now is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrowthSource {
    /// With what it is after so long.
    Watch(Duration),
    /// With what it was at earlier runs, which is in this file; this run is added.
    File(PathBuf),
}

/// How much was in use at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Look {
    /// When, in seconds since the Unix epoch.
    at: i64,
    /// Of which cluster, in hexadecimal.
    cluster: String,
    /// Of each member by its id in hexadecimal, in bytes.
    in_use: BTreeMap<String, u64>,
}

/// What a file of looks holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Looks {
    looks: Vec<Look>,
}

/// A file of looks that cannot be used.
#[derive(Debug, Error)]
enum LooksError {
    #[error("cannot read it")]
    Read(#[source] io::Error),
    #[error("it is no file of earlier looks")]
    Understand(#[source] serde_json::Error),
    #[error("cannot write it")]
    Write(#[source] io::Error),
}

impl Look {
    /// Takes a look at what the members said; none if none of them did.
    fn of(etcd: &Known, at: i64) -> Option<Self> {
        let (_, first) = etcd.reached().next()?;
        let in_use = etcd.reached().map(|(member, status)| (format!("{:x}", member.id), status.in_use));
        Some(Self { at, cluster: format!("{:x}", first.cluster), in_use: in_use.collect() })
    }
}

impl Looks {
    fn read(path: &Path) -> Result<Self, LooksError> {
        match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(LooksError::Understand),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(LooksError::Read(error)),
        }
    }

    /// Writes it beside the file, and puts it in its place.
    fn write(&self, path: &Path) -> Result<(), LooksError> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let text = serde_json::to_vec(self).map_err(LooksError::Understand)?;
        fs::write(&part, text).and_then(|()| fs::rename(&part, path)).map_err(LooksError::Write)
    }

    /// Returns the oldest of the cluster that is not forgotten, and old enough to tell something.
    fn before(&self, now: &Look) -> Option<&Look> {
        let shortest = i64::try_from(Growth::SHORTEST.as_secs()).unwrap_or(i64::MAX);
        let ages = shortest..=REMEMBERED;
        let looks = self.looks.iter().filter(|look| look.cluster == now.cluster);
        looks.filter(|look| ages.contains(&(now.at - look.at))).min_by_key(|look| look.at)
    }

    /// Adds a look, and forgets those that are too old.
    fn add(&mut self, now: Look) {
        self.looks.retain(|look| (0..=REMEMBERED).contains(&(now.at - look.at)));
        let newest = self.looks.iter().filter(|look| look.cluster == now.cluster).map(|look| look.at).max();
        if newest.is_none_or(|newest| now.at - newest >= APART) {
            self.looks.push(now);
        }
    }
}

impl Etcd {
    /// Takes the first look, if two are to be taken, and waits until it is time for the second.
    pub(super) async fn watch_growth(&self) -> Option<(Known, Duration)> {
        let Some(GrowthSource::Watch(over)) = self.options.growth else { return None };
        let mut facts = Facts::new(0);
        self.read_members(&mut facts).await;
        tokio::time::sleep(over).await;
        Some((facts.etcd, over))
    }

    /// Compares how much is in use with an earlier look.
    pub(super) async fn read_growth(&self, before: Option<(Known, Duration)>, facts: &mut Facts) {
        let reading = match (&self.options.growth, before) {
            (None, _) => return,
            (Some(GrowthSource::File(path)), _) => {
                let (path, etcd, now) = (path.clone(), facts.etcd.clone(), facts.now);
                let source = path.display().to_string();
                match tokio::task::spawn_blocking(move || remembered(&path, &etcd, now)).await {
                    Ok(Ok(Some(before))) => compare(&before, source, facts),
                    Ok(Ok(None)) => {
                        let why = "it holds no look of at least 10 minutes ago; this one is added".to_owned();
                        Reading::Absent { source, why }
                    }
                    Ok(Err(error)) => Reading::Failed { source, why: chain(&error) },
                    Err(error) => Reading::Failed { source, why: error.to_string() },
                }
            }
            (Some(GrowthSource::Watch(over)), before) => {
                let source = format!("two looks {} s apart", over.as_secs());
                let ago = i64::try_from(over.as_secs()).unwrap_or(i64::MAX);
                match before.and_then(|(before, _)| Look::of(&before, facts.now.saturating_sub(ago))) {
                    Some(before) => compare(&before, source, facts),
                    None => Reading::Failed { source, why: "no member answered at the first".to_owned() },
                }
            }
        };
        facts.note(Need::EtcdGrowth, reading);
    }
}

/// Returns the look of an earlier run to compare with, and adds this one to the file.
fn remembered(path: &Path, etcd: &Known, now: i64) -> Result<Option<Look>, LooksError> {
    let Some(now) = Look::of(etcd, now) else { return Ok(None) };
    let mut looks = Looks::read(path)?;
    let before = looks.before(&now).cloned();
    looks.add(now);
    looks.write(path)?;
    Ok(before)
}

/// Notes of each member how much more is in use than at `before`.
fn compare(before: &Look, source: String, facts: &mut Facts) -> Reading {
    let over = Duration::from_secs(u64::try_from(facts.now - before.at).unwrap_or(0));
    let mut missing = Vec::new();
    for member in &mut facts.etcd.members {
        let Some(status) = &member.status else { continue };
        match before.in_use.get(&format!("{:x}", member.id)) {
            Some(then) => {
                let bytes = i64::try_from(i128::from(status.in_use) - i128::from(*then)).unwrap_or(0);
                member.growth = Some(Growth { over, bytes });
            }
            None => missing.push(format!("{}: it was not there at the earlier look", member.label())),
        }
    }
    let answered = facts.etcd.members.iter().filter(|member| member.growth.is_some()).count();
    super::reading(source, answered, missing)
}

#[cfg(test)]
mod tests;
