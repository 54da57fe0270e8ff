//! What the main function of a benchmark does besides measuring.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use crate::output;

/// Runs a benchmark to its end. A signal drops it, and with it the processes it has started and their directories.
pub async fn run(benchmark: impl Future<Output = Result<()>>) -> ExitCode {
    match until_signalled(benchmark).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn until_signalled(benchmark: impl Future<Output = Result<()>>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        result = benchmark => result,
        _ = terminate.recv() => bail!("terminated"),
        _ = interrupt.recv() => bail!("interrupted"),
    }
}

/// Reads a time in seconds that is long enough to measure something.
pub fn seconds(text: &str) -> Result<Duration> {
    let time = Duration::try_from_secs_f64(text.parse()?)?;
    ensure!(time >= Duration::from_millis(100), "too short to measure anything");
    Ok(time)
}
