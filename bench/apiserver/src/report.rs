//! Collects samples and turns them into medians, and into ratios to the reference where there is one.
//!
//! The reference is a kube-apiserver 1.36 with etcd on another machine of this size: two cores. It was measured there,
//! not in the same run; the ratios say in which class a server is, not more.

use serde::Serialize;

use crate::stats;

/// What a number means; the unit says how it is printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// What the reference needs.
    pub(crate) reference: Option<Reference>,
}

/// A figure measured elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Reference {
    pub(crate) value: f64,
    pub(crate) note: &'static str,
}

const fn figure(name: &'static str, unit: &'static str) -> Figure {
    Figure { name, unit, reference: None }
}

const fn referred(name: &'static str, unit: &'static str, value: f64, note: &'static str) -> Figure {
    Figure { name, unit, reference: Some(Reference { value, note }) }
}

pub(crate) const READY: Figure = referred("start to ready", "ms", 1_000.0, "1 to 2.5 s");
pub(crate) const READY_FULL: Figure = figure("start to ready", "ms");
pub(crate) const EMPTY_MEMORY: Figure = referred("resident", "MB", 325.0, "");
pub(crate) const LOADED_MEMORY: Figure = referred("resident", "MB", 510.0, "with 5,000 Pods");
pub(crate) const CREATES: Figure = referred("against the reference", "1/s", 670.0, "");
pub(crate) const MEMORY: Figure = figure("resident", "MB");
pub(crate) const PEAK: Figure = figure("resident at most", "MB");
pub(crate) const THROUGHPUT: Figure = figure("throughput", "1/s");
pub(crate) const P50: Figure = figure("latency p50", "ms");
pub(crate) const P99: Figure = figure("latency p99", "ms");
pub(crate) const SERVER_CPU: Figure = figure("server CPU per request", "µs");
pub(crate) const CLIENT_CPU: Figure = figure("client CPU per request", "µs");
pub(crate) const LIST_TIME: Figure = figure("time", "ms");
pub(crate) const LIST_SIZE: Figure = figure("size", "MB");
pub(crate) const LIST_RATE: Figure = figure("rate", "MB/s");
pub(crate) const LIST_CPU: Figure = figure("server CPU", "ms");
pub(crate) const DELIVERED: Figure = figure("delivered", "%");
pub(crate) const SERVER_SHARE: Figure = figure("server CPU", "% of a core");
pub(crate) const WATCH_CLIENT_SHARE: Figure = figure("client CPU", "% of a core");
pub(crate) const CHURN_RATIO: Figure = figure("resident", "ratio");

/// Every row of the report, in the order of its first sample.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// The table's heading.
    group: String,
    case: String,
    figure: Figure,
    samples: Vec<f64>,
}

/// One row, worked out.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) group: String,
    pub(crate) case: String,
    pub(crate) figure: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) samples: usize,
    /// Measured elsewhere.
    pub(crate) reference: Option<Reference>,
    /// The median to the reference.
    pub(crate) ratio: Option<f64>,
}

impl Report {
    pub(crate) fn add(&mut self, group: &str, case: &str, figure: Figure, value: f64) {
        let is_it = |row: &Row| row.group == group && row.case == case && row.figure == figure;
        if let Some(row) = self.rows.iter_mut().find(|row| is_it(row)) {
            row.samples.push(value);
        } else {
            let (group, case) = (group.to_owned(), case.to_owned());
            self.rows.push(Row { group, case, figure, samples: vec![value] });
        }
    }

    /// Adds a figure that may be unknown.
    pub(crate) fn add_known(&mut self, group: &str, case: &str, figure: Figure, value: Option<f64>) {
        if let Some(value) = value {
            self.add(group, case, figure, value);
        }
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.rows.iter().filter_map(Row::line).collect()
    }
}

impl Row {
    fn line(&self) -> Option<Line> {
        let median = stats::median(&self.samples)?;
        Some(Line {
            group: self.group.clone(),
            case: self.case.clone(),
            figure: self.figure.name,
            unit: self.figure.unit,
            median,
            min: self.samples.iter().copied().reduce(f64::min)?,
            max: self.samples.iter().copied().reduce(f64::max)?,
            samples: self.samples.len(),
            reference: self.figure.reference,
            ratio: self.figure.reference.map(|reference| median / reference.value),
        })
    }
}

/// Lays out the lines as markdown, a table per group.
pub(crate) fn markdown(lines: &[Line]) -> String {
    let mut text = String::new();
    for group in lines.chunk_by(|one, other| one.group == other.group) {
        let heading = group.first().map(|line| line.group.as_str()).unwrap_or_default();
        text.extend(["\n### ", heading, "\n\n"]);
        text += "| case | figure | median (lowest–highest) | reference, measured elsewhere | ratio to it |\n";
        text += "|:--|:--|--:|--:|--:|\n";
        text.extend(group.iter().map(row));
    }
    text
}

fn row(line: &Line) -> String {
    let spread = match line.samples {
        1 => number(line.median),
        _ => format!("{} ({}–{})", number(line.median), number(line.min), number(line.max)),
    };
    let reference = line.reference.map_or_else(String::new, |Reference { value, note }| match note {
        "" => number(value),
        note => format!("{} ({note})", number(value)),
    });
    let ratio = line.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    let Line { case, figure, unit, .. } = line;
    format!("| {case} | {figure}, {unit} | {spread} | {reference} | {ratio} |\n")
}

/// Three or more significant digits, and commas between thousands.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        ..10.0 => return format!("{value:.2}"),
        ..100.0 => return format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_show_medians_extremes_and_the_ratio() {
        let mut report = Report::default();
        for value in [2_000.0, 3_350.0, 4_000.0] {
            report.add("Requests", "create", CREATES, value);
        }
        report.add_known("Requests", "create", SERVER_CPU, None);
        report.add("Requests", "create", P50, 1.25);
        assert_eq!(
            markdown(&report.lines()),
            "
### Requests

| case | figure | median (lowest–highest) | reference, measured elsewhere | ratio to it |
|:--|:--|--:|--:|--:|
| create | against the reference, 1/s | 3,350 (2,000–4,000) | 670 | 5.00 |
| create | latency p50, ms | 1.25 |  |  |
"
        );
    }
}
