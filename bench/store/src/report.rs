//! Collects samples and turns them into medians and ratios.

mod table;

use serde::Serialize;

pub(crate) use table::{markdown, thousands};

use crate::{server::Kind, stats};

/// What a number means; the unit says how it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

const fn figure(name: &'static str, unit: &'static str) -> Figure {
    Figure { name, unit }
}

pub(crate) const THROUGHPUT: Figure = figure("throughput", "1/s");
pub(crate) const LATENCY_P50: Figure = figure("latency p50", "ms");
pub(crate) const LATENCY_P99: Figure = figure("latency p99", "ms");
pub(crate) const SERVER_CPU: Figure = figure("server CPU per request", "µs");
pub(crate) const CLIENT_CPU: Figure = figure("client CPU per request", "µs");
pub(crate) const SERVER_CPU_PER_EVENT: Figure = figure("server CPU per event", "µs");
pub(crate) const CLIENT_CPU_PER_EVENT: Figure = figure("client CPU per event", "µs");
pub(crate) const LOAD_TIME: Figure = figure("time to load", "s");
pub(crate) const LOADED_MEMORY: Figure = figure("resident after loading", "MiB");
pub(crate) const LOADED_ANONYMOUS: Figure = figure("anonymous memory after loading", "MiB");
pub(crate) const LOADED_PEAK: Figure = figure("resident at most while loading", "MiB");
pub(crate) const LOADED_DISK: Figure = figure("disk after loading", "MiB");
pub(crate) const RESTARTED_MEMORY: Figure = figure("resident after a restart", "MiB");
pub(crate) const RESTARTED_ANONYMOUS: Figure = figure("anonymous memory after a restart", "MiB");
pub(crate) const RESTARTED_PEAK: Figure = figure("resident at most while restarting", "MiB");
pub(crate) const RESTARTED_DISK: Figure = figure("disk after a restart", "MiB");
pub(crate) const START_TIME: Figure = figure("start to first get", "ms");

/// Every row of the report, in the order of its first sample.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// The table's heading.
    group: String,
    /// The circumstances, such as the number of clients.
    case: String,
    figure: Figure,
    stanchion: Vec<f64>,
    etcd: Vec<f64>,
}

/// The samples of one server in one row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) runs: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) group: String,
    pub(crate) case: String,
    pub(crate) figure: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) stanchion: Option<Summary>,
    pub(crate) etcd: Option<Summary>,
    /// The medians' ratio, stanchion to etcd.
    pub(crate) ratio: Option<f64>,
}

impl Report {
    pub(crate) fn add(&mut self, group: &str, case: &str, kind: Kind, figure: Figure, value: f64) {
        let row = self.row(group, case, figure);
        match kind {
            Kind::Stanchion => row.stanchion.push(value),
            Kind::Etcd => row.etcd.push(value),
        }
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.rows.iter().map(Row::line).collect()
    }

    fn row(&mut self, group: &str, case: &str, figure: Figure) -> &mut Row {
        let is_it = |row: &Row| row.group == group && row.case == case && row.figure == figure;
        let index = self.rows.iter().position(is_it).unwrap_or(self.rows.len());
        if index == self.rows.len() {
            let (group, case) = (group.to_owned(), case.to_owned());
            self.rows.push(Row { group, case, figure, stanchion: Vec::new(), etcd: Vec::new() });
        }
        &mut self.rows[index]
    }
}

impl Row {
    fn line(&self) -> Line {
        let (stanchion, etcd) = (Summary::of(&self.stanchion), Summary::of(&self.etcd));
        let ratio = stanchion.zip(etcd).map(|(ours, theirs)| ours.median / theirs.median);
        Line {
            group: self.group.clone(),
            case: self.case.clone(),
            figure: self.figure.name,
            unit: self.figure.unit,
            stanchion,
            etcd,
            ratio: ratio.filter(|ratio| ratio.is_finite()),
        }
    }
}

impl Summary {
    fn of(samples: &[f64]) -> Option<Self> {
        Some(Self {
            median: stats::median(samples)?,
            min: samples.iter().copied().reduce(f64::min)?,
            max: samples.iter().copied().reduce(f64::max)?,
            runs: samples.len(),
        })
    }
}

#[cfg(test)]
mod tests;
