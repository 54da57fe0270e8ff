//! Medians in a markdown table with the ratio to the last column.

use std::collections::BTreeMap;

pub(crate) const ENGINES: [&str; 3] = ["redb", "fjall", "log"];

/// All values of one row, by column.
#[derive(Debug, Default)]
struct Row {
    samples: BTreeMap<&'static str, Vec<f64>>,
}

/// Rows in the order of their first sample.
#[derive(Debug)]
pub(crate) struct Table {
    /// The last one is what the others are compared with.
    columns: Vec<&'static str>,
    names: Vec<String>,
    rows: BTreeMap<String, Row>,
}

impl Table {
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), names: Vec::new(), rows: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, name: &str, column: &'static str, value: f64) {
        if !self.rows.contains_key(name) {
            self.names.push(name.to_owned());
        }
        let row = self.rows.entry(name.to_owned()).or_default();
        row.samples.entry(column).or_default().push(value);
    }

    pub(crate) fn print(&self) {
        let Some((reference, others)) = self.columns.split_last() else {
            return;
        };
        let ratios = others.iter().map(|column| format!("{column} / {reference}"));
        let columns: Vec<_> = self.columns.iter().map(ToString::to_string).chain(ratios).collect();
        println!("| measurement | runs | spread | {} |", columns.join(" | "));
        println!("|---|--:|--:|{}", "--:|".repeat(columns.len()));
        for name in &self.names {
            if let Some(row) = self.rows.get(name) {
                println!("| {name} | {} |", row.cells(&self.columns).join(" | "));
            }
        }
    }
}

impl Row {
    /// Number of runs, widest spread, medians, ratios of all but the last column to the last.
    fn cells(&self, columns: &[&str]) -> Vec<String> {
        let medians: Vec<f64> = columns.iter().map(|column| self.median(column)).collect();
        let mut cells = vec![self.samples.values().map(Vec::len).max().unwrap_or(0).to_string()];
        cells.push(format!("{:.0} %", columns.iter().map(|column| self.spread(column)).fold(0.0, f64::max)));
        cells.extend(medians.iter().map(|value| number(*value)));
        if let Some((reference, others)) = medians.split_last() {
            cells.extend(others.iter().map(|value| format!("{:.2}", value / reference)));
        }
        cells
    }

    /// From the least to the greatest value, in percent of the median.
    fn spread(&self, column: &str) -> f64 {
        let samples = self.samples.get(column).map(Vec::as_slice).unwrap_or_default();
        let greatest = samples.iter().copied().fold(f64::MIN, f64::max);
        let least = samples.iter().copied().fold(f64::MAX, f64::min);
        100.0 * (greatest - least) / self.median(column)
    }

    fn median(&self, column: &str) -> f64 {
        let mut sorted = self.samples.get(column).cloned().unwrap_or_default();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => sorted[odd / 2],
            even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
        }
    }
}

/// Three significant digits are all these figures are good for.
fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
