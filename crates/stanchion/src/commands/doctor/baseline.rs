//! What was found before, in a file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use stanchion_doctor_core::Baseline;

use super::look::Look;
use super::present::write_whole;
use crate::error::Failure;
use crate::exit::Exit;

/// What to compare with.
#[derive(Debug, Args)]
pub(super) struct Comparison {
    /// Show only what is new since this file was written or graver than then, and say what is gone.
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    since_baseline: Option<PathBuf>,
    /// Write what is found to this file, for --since-baseline. It may be the same.
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    write_baseline: Option<PathBuf>,
}

impl Comparison {
    /// Reads what was found before, if that is asked for.
    pub(super) fn read(&self) -> Result<Option<Baseline>, Failure> {
        let Some(path) = &self.since_baseline else { return Ok(None) };
        let read = read(path).with_context(|| format!("cannot read the baseline {}", path.display()));
        read.map(Some)
            .map_err(|error| Failure::new(Exit::Usage, error).hint("--write-baseline FILE writes one"))
    }

    /// Writes what was found, if that is asked for.
    pub(super) fn write(&self, look: &Look) -> Result<(), Failure> {
        let Some(path) = &self.write_baseline else { return Ok(()) };
        let baseline = Baseline::of(&look.report, look.at);
        let text = serde_json::to_string_pretty(&baseline).context("cannot write the baseline as JSON")?;
        write_whole(path, &(text + "\n"))
    }
}

fn read(path: &Path) -> anyhow::Result<Baseline> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
