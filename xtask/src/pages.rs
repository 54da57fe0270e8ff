//! `checks`: writes the documentation of the doctor's checks, `docs/checks`, from the checks themselves.
//!
//! The pages are made in `stanchion-doctor-report`, and a test there compares them with what is in the tree; told to, it
//! writes them. So this crate need not be built with the checks to hold the tree to its rules.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// What the test looks at.
const WRITE: &str = "STANCHION_WRITE_PAGES";

pub(crate) fn write() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--quiet", "--package", "stanchion-doctor-report", "--test", "pages"])
        .env(WRITE, "1")
        .status()
        .context("cannot start cargo test")?;
    if !status.success() {
        bail!("the pages could not be written: cargo test: {status}");
    }
    Ok(())
}
