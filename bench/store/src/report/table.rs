//! The report as markdown: a table per group.

use super::{Line, Summary};

const MISSING: &str = "–";

pub(crate) fn markdown(lines: &[Line]) -> String {
    let mut text = String::new();
    for group in lines.chunk_by(|one, other| one.group == other.group) {
        let heading = group.first().map(|line| line.group.as_str()).unwrap_or_default();
        text.extend(["\n### ", heading, "\n\n"]);
        text += "| case | figure | stanchion | etcd | stanchion / etcd |\n";
        text += "|:--|:--|--:|--:|--:|\n";
        text.extend(group.iter().map(row));
    }
    text
}

fn row(line: &Line) -> String {
    let Line { group: _, case, figure, unit, stanchion, etcd, ratio } = line;
    let ratio = ratio.map_or_else(|| MISSING.to_owned(), |ratio| format!("{ratio:.2}"));
    format!("| {case} | {figure}, {unit} | {} | {} | {ratio} |\n", cell(*stanchion), cell(*etcd))
}

/// The median, and the extremes of several runs.
fn cell(summary: Option<Summary>) -> String {
    match summary {
        None => MISSING.to_owned(),
        Some(Summary { median, runs: 1, .. }) => number(median),
        Some(Summary { median, min, max, runs: _ }) => {
            format!("{} ({}–{})", number(median), number(min), number(max))
        }
    }
}

/// Three or more significant digits, and commas between thousands.
pub(super) fn number(value: f64) -> String {
    let digits = match value.abs() {
        ..10.0 => return format!("{value:.3}"),
        ..100.0 => return format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    thousands(&digits)
}

/// Commas between groups of three digits.
pub(crate) fn thousands(digits: &str) -> String {
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
