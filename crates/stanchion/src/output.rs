//! Everything that is printed: data on stdout, failures on stderr.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the module that prints")]

pub(crate) mod live;

use std::io::{self, IsTerminal, Write as _};

use anyhow::anyhow;
use clap::ValueEnum;
use serde::Serialize;

use crate::error::Failure;
use crate::exit::Exit;

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// YAML.
    Yaml,
}

/// How data is printed, and the forms that only `stanchion doctor` has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// YAML.
    Yaml,
    /// Of `stanchion doctor`: SARIF 2.1.0.
    Sarif,
    /// Of `stanchion doctor`: XML as `JUnit` writes it.
    Junit,
    /// Of `stanchion doctor`: Markdown.
    Markdown,
    /// Of `stanchion doctor`: one page that needs nothing else.
    Html,
    /// Of `stanchion doctor`: metrics, as `node_exporter` reads them from files.
    Prometheus,
}

impl Output {
    /// Returns the format, if it is one that every command has.
    pub(crate) fn plain(self) -> Result<Format, Failure> {
        match self {
            Self::Table => Ok(Format::Table),
            Self::Json => Ok(Format::Json),
            Self::Yaml => Ok(Format::Yaml),
            Self::Sarif | Self::Junit | Self::Markdown | Self::Html | Self::Prometheus => {
                let error = anyhow!("only the reports of `stanchion doctor` have this --output");
                Err(Failure::new(Exit::Usage, error).hint("table, json or yaml"))
            }
        }
    }
}

/// A row of a table: what it says, and the value.
pub(crate) type Row = (&'static str, String);

/// Data that can be printed in every format.
pub(crate) trait Report: Serialize {
    /// Returns the rows of the table.
    fn rows(&self) -> Vec<Row>;
}

/// Prints data.
pub(crate) fn report(report: &impl Report, format: Format) -> Result<(), Failure> {
    match format {
        Format::Table => {
            let rows = report.rows();
            let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in rows {
                println!("{name:width$}  {value}");
            }
        }
        Format::Json | Format::Yaml => document(report, format)?,
    }
    Ok(())
}

/// Prints data as one document: YAML if that is asked for, else JSON.
pub(crate) fn document(data: &impl Serialize, format: Format) -> Result<(), Failure> {
    text(&written(data, format)?);
    Ok(())
}

/// Writes data as one document: YAML if that is asked for, else JSON.
pub(crate) fn written(data: &impl Serialize, format: Format) -> Result<String, Failure> {
    let failed = |error| Failure::new(Exit::Failure, error);
    if format == Format::Yaml {
        return Ok(yaml(&serde_json::to_value(data).map_err(failed)?));
    }
    Ok(serde_json::to_string_pretty(data).map_err(failed)? + "\n")
}

/// Writes a flat report as YAML. Strings are quoted as JSON quotes them, which YAML reads.
fn yaml(value: &serde_json::Value) -> String {
    let serde_json::Value::Object(fields) = value else { return format!("{value}\n") };
    fields.iter().fold(String::new(), |text, (name, value)| text + &format!("{name}: {value}\n"))
}

/// Adds a line to a text.
pub(crate) fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    use std::fmt::Write as _;
    writeln!(text, "{line}").expect("a String takes all that is written");
}

/// Prints text as it is.
pub(crate) fn text(text: &str) {
    print!("{text}");
}

/// Prints what a server sent, as it is; returns whether anybody reads on.
pub(crate) fn bytes_out(bytes: &[u8]) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Failure, error)),
    }
}

/// Prints text on a terminal in place of everything that is there.
pub(crate) fn screen(text: &str) -> Result<(), Failure> {
    const HOME: &str = "\x1b[H";
    const ERASE_LINE: &str = "\x1b[K\n";
    const ERASE_BELOW: &str = "\x1b[J";
    let text = text.replace('\n', ERASE_LINE);
    bytes_out(format!("{HOME}{text}{ERASE_BELOW}").as_bytes()).map(drop)
}

/// Tells a person what goes on, on stderr.
pub(crate) fn note(text: &str) {
    live::note(text);
}

/// Asks a person for a word, on the terminal; returns what was typed.
pub(crate) fn ask(question: &str) -> io::Result<String> {
    eprint!("{question} ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Prints a failure, its causes and what to do about it.
pub(crate) fn failure(failure: &Failure) {
    live::clear();
    let colour =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (red, bold, plain) = if colour { ("\x1b[31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
    let mut chain = failure.chain().into_iter();
    eprintln!("{red}{bold}error:{plain} {}", chain.next().unwrap_or_default());
    for cause in chain {
        eprintln!("  caused by: {cause}");
    }
    if let Some(advice) = failure.advice() {
        eprintln!("  try: {advice}");
    }
}

/// Writes a compacted revision for people; a store that was never compacted has none.
pub(crate) fn compacted(revision: i64) -> String {
    if revision < 0 { "never".to_owned() } else { revision.to_string() }
}

/// Writes bytes for people: 1.5 MiB.
#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {} ({bytes} B)", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1536), "1.5 KiB (1536 B)");
        assert_eq!(bytes(2 << 30), "2.0 GiB (2147483648 B)");
    }

    #[test]
    fn yaml_is_quoted_like_json() {
        let value = serde_json::json!({"a": "x: y", "b": [1, 2], "c": null});
        assert_eq!(yaml(&value), "a: \"x: y\"\nb: [1,2]\nc: null\n");
    }
}
