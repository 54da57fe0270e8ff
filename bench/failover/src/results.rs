//! What was measured, and the tables that compare it.

mod table;

use std::io::{self, Write as _};

use anyhow::{Context, Result};
use serde::Serialize;
use stanchion_bench_kit::output::Format;
use stanchion_bench_kit::stats::median;
use stanchion_rehearse::Summary;
use stanchion_rehearse::load::Throughput;

use crate::args::Load;
use crate::case::Case;
use crate::setting::Setting;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    rounds: Vec<Round>,
    throughput: Vec<Rate>,
    /// Rounds after which a peer was not whole again, and why.
    broken: Vec<String>,
}

/// One round.
#[derive(Debug, Serialize)]
struct Round {
    subject: &'static str,
    case: Case,
    load: &'static str,
    summary: Summary,
}

/// One run of sysbench.
#[derive(Debug, Serialize)]
struct Rate {
    subject: &'static str,
    turn: usize,
    throughput: Throughput,
}

/// All rounds of a subject with a case and a load.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    subject: &'static str,
    case: Case,
    load: &'static str,
    rounds: usize,
    /// Seconds; of rounds that never ended, the time they were waited for.
    median: f64,
    worst: f64,
    /// In so many rounds clients could not write again in time.
    unended: usize,
    /// Rows of all rounds.
    acknowledged: usize,
    lost: usize,
    twice: usize,
}

#[derive(Serialize)]
struct Document<'a> {
    setting: &'a Setting,
    lines: Vec<Line>,
    rounds: &'a [Round],
    throughput: &'a [Rate],
    broken: &'a [String],
}

impl Results {
    pub(crate) fn add(&mut self, subject: &'static str, case: Case, load: Load, summary: Summary) {
        self.rounds.push(Round { subject, case, load: load.name(), summary });
    }

    pub(crate) fn add_throughput(&mut self, subject: &'static str, turn: usize, throughput: Throughput) {
        self.throughput.push(Rate { subject, turn, throughput });
    }

    pub(crate) fn add_broken(&mut self, what: String) {
        self.broken.push(what);
    }

    pub(crate) fn print(&self, format: Format, setting: &Setting) -> Result<()> {
        let text = match format {
            Format::Table => format!(
                "{}{}{}{}",
                setting.introduction(),
                table::failovers(&self.lines()),
                table::rates(&self.rates()),
                table::broken(&self.broken)
            ),
            Format::Json => {
                let (rounds, throughput) = (&self.rounds[..], &self.throughput[..]);
                let broken = &self.broken[..];
                let document = Document { setting, lines: self.lines(), rounds, throughput, broken };
                serde_json::to_string_pretty(&document)? + "\n"
            }
        };
        io::stdout().write_all(text.as_bytes()).context("cannot write the results")
    }

    /// Returns a line for each subject, case and load, in the order of their first rounds.
    fn lines(&self) -> Vec<Line> {
        let key = |round: &Round| (round.subject, round.case, round.load);
        let of = |rounds: &[Round]| {
            let first = rounds.first()?;
            let gaps: Vec<f64> =
                rounds.iter().map(|round| round.summary.gap.length().as_secs_f64()).collect();
            let verdicts = || rounds.iter().map(|round| &round.summary.verdict);
            Some(Line {
                subject: first.subject,
                case: first.case,
                load: first.load,
                rounds: rounds.len(),
                median: median(&gaps)?,
                worst: gaps.iter().copied().fold(0.0, f64::max),
                unended: rounds.iter().filter(|round| round.summary.gap.ended_by.is_none()).count(),
                acknowledged: verdicts().map(|verdict| verdict.acknowledged).sum(),
                lost: verdicts().map(|verdict| verdict.lost.count).sum(),
                twice: verdicts().map(|verdict| verdict.twice.count).sum(),
            })
        };
        self.rounds.chunk_by(|one, other| key(one) == key(other)).filter_map(of).collect()
    }

    /// Returns transactions per second of each subject, by turn.
    fn rates(&self) -> Vec<Rates> {
        let mut all: Vec<Rates> = Vec::new();
        for Rate { subject, turn, throughput } in &self.throughput {
            let measured = (*turn, throughput.transactions);
            match all.iter_mut().find(|rates| rates.subject == *subject) {
                Some(rates) => rates.turns.push(measured),
                None => all.push(Rates { subject, turns: vec![measured] }),
            }
        }
        all
    }
}

/// Transactions per second of a subject.
#[derive(Debug)]
struct Rates {
    subject: &'static str,
    /// By the number of the turn.
    turns: Vec<(usize, f64)>,
}

impl Rates {
    fn median(&self) -> f64 {
        median(&self.turns.iter().map(|(_, rate)| *rate).collect::<Vec<_>>()).unwrap_or_default()
    }

    /// Returns what `ours` reached of this, turn by turn: the least, the median and the most.
    fn reached_by(&self, ours: &Self) -> Option<[f64; 3]> {
        let of = |(turn, rate): &(usize, f64)| {
            let other = ours.turns.iter().find(|(other, _)| other == turn)?;
            Some(other.1 / rate)
        };
        let mut ratios: Vec<f64> = self.turns.iter().filter_map(of).collect();
        ratios.sort_by(f64::total_cmp);
        Some([*ratios.first()?, median(&ratios)?, *ratios.last()?])
    }
}
