//! Collects samples and turns them into medians, and into ratios to the reference where there is one.
//!
//! A reference was measured elsewhere, not in the same run: the ratios say in which class something is, not more.

use serde::Serialize;

use crate::stats;

/// What a number means; the unit says how it is printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What is measured.
    pub name: &'static str,
    /// In what.
    pub unit: &'static str,
    /// What the reference needs.
    pub reference: Option<Reference>,
}

/// A figure measured elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// The figure.
    pub value: f64,
    /// What else is to be known of it; may be empty.
    pub note: &'static str,
}

/// Returns a figure without a reference.
pub const fn figure(name: &'static str, unit: &'static str) -> Figure {
    Figure { name, unit, reference: None }
}

/// Returns a figure that has one.
pub const fn referred(name: &'static str, unit: &'static str, value: f64, note: &'static str) -> Figure {
    Figure { name, unit, reference: Some(Reference { value, note }) }
}

/// Every row of the report, in the order of its first sample.
#[derive(Debug, Default)]
pub struct Report {
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
pub struct Line {
    /// The heading of its table.
    pub group: String,
    /// The circumstances.
    pub case: String,
    /// What is measured.
    pub figure: &'static str,
    /// In what.
    pub unit: &'static str,
    /// The middle of the samples.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// How many there are.
    pub samples: usize,
    /// Measured elsewhere.
    pub reference: Option<Reference>,
    /// The median to the reference.
    pub ratio: Option<f64>,
}

impl Report {
    /// Adds a sample.
    pub fn add(&mut self, group: &str, case: &str, figure: Figure, value: f64) {
        let is_it = |row: &Row| row.group == group && row.case == case && row.figure == figure;
        if let Some(row) = self.rows.iter_mut().find(|row| is_it(row)) {
            row.samples.push(value);
        } else {
            let (group, case) = (group.to_owned(), case.to_owned());
            self.rows.push(Row { group, case, figure, samples: vec![value] });
        }
    }

    /// Adds a figure that may be unknown.
    pub fn add_known(&mut self, group: &str, case: &str, figure: Figure, value: Option<f64>) {
        if let Some(value) = value {
            self.add(group, case, figure, value);
        }
    }

    /// Returns all rows, worked out.
    pub fn lines(&self) -> Vec<Line> {
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
pub fn markdown(lines: &[Line]) -> String {
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

    const CREATES: Figure = referred("against the reference", "1/s", 670.0, "");
    const SERVER_CPU: Figure = figure("server CPU per request", "µs");
    const P50: Figure = figure("latency p50", "ms");

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
