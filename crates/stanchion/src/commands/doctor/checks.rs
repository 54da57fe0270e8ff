//! `stanchion doctor checks`

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use stanchion_doctor_core::{ALL, Check, find};

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, line};

/// Which checks.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Say all of these, by id.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: &'static str,
    severity: &'static str,
    title: &'static str,
    meaning: &'static str,
    basis: &'static [&'static str],
    needs: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'static str>,
}

impl Line {
    fn of(check: &Check) -> Self {
        Self {
            id: check.id,
            severity: check.severity.name(),
            title: check.title,
            meaning: check.meaning,
            basis: check.basis,
            needs: check.needs.iter().map(|need| need.name()).collect(),
            fix: check.fix,
        }
    }

    fn whole(&self) -> String {
        let mut text = String::new();
        line(&mut text, format_args!("{}: {}\n  {}", self.id, self.title, self.meaning));
        line(&mut text, format_args!("  gravest  {}\n  needs    {}", self.severity, self.needs.join(", ")));
        if let Some(fix) = self.fix {
            line(&mut text, format_args!("  fix      {fix}"));
        }
        for basis in self.basis {
            line(&mut text, format_args!("  see      {basis}"));
        }
        text
    }
}

/// Lists checks.
pub(crate) fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for id in &arguments.ids {
        let error = || Failure::new(Exit::Usage, anyhow!("there is no check {id:?}"));
        lines.push(Line::of(find(id).ok_or_else(error)?));
    }
    if format != Format::Table {
        let all = if lines.is_empty() { ALL.iter().map(|check| Line::of(check)).collect() } else { lines };
        return output::document(&all, format);
    }
    if !lines.is_empty() {
        let texts: Vec<_> = lines.iter().map(Line::whole).collect();
        output::text(&texts.join("\n"));
        return Ok(());
    }
    let width = ALL.iter().map(|check| check.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in ALL {
        let fix = if check.fix.is_some() { "fix" } else { "" };
        line(&mut text, format_args!("{:width$}  {:8}  {fix:3}  {}", check.id, check.severity, check.title));
    }
    output::text(&text);
    Ok(())
}
