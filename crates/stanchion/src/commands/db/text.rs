//! How tables and lengths of time are written for people.

use std::fmt::Write as _;

/// Lays rows out below their heads. A column in which no row has anything is left out; the last one is not padded.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let shown: Vec<usize> = (0..heads.len())
        .filter(|column| rows.iter().any(|row| row.get(*column).is_some_and(|cell| !cell.is_empty())))
        .collect();
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| cell(row, column).chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in [&heads].into_iter().chain(rows) {
        let mut line = String::new();
        for column in &shown {
            let cell = cell(row, *column);
            let cell = if cell.is_empty() { "-".to_owned() } else { cell };
            let width = width(*column);
            write!(line, "{cell:width$}  ").expect("a text can be written to");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Writes milliseconds as people read them: 12 ms, 3.4 s.
pub(crate) fn milliseconds(time: i64) -> String {
    match time.unsigned_abs() {
        0..10_000 => format!("{time} ms"),
        _ => format!("{}.{} s", time / 1000, time.unsigned_abs() / 100 % 10),
    }
}

/// Writes how long ago something was: 5 s, 3 min, 2 h, 4 d.
pub(crate) fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_without_anything_are_left_out() {
        let rows = [vec!["a".to_owned(), String::new(), "x".to_owned()], vec!["long".to_owned()]];
        assert_eq!(table(&["NAME", "NOTHING", "WHY"], &rows), "NAME  WHY\na     x\nlong  -\n");
    }

    #[test]
    fn times_have_units() {
        assert_eq!((milliseconds(-40), milliseconds(9_999)), ("-40 ms".to_owned(), "9999 ms".to_owned()));
        assert_eq!((milliseconds(12_345), age(59)), ("12.3 s".to_owned(), "59 s".to_owned()));
        assert_eq!(
            (age(3_600), age(90_000), age(200_000)),
            ("60 min".to_owned(), "25 h".to_owned(), "2 d".to_owned())
        );
    }
}
