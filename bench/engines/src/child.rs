//! Starts this program again for one measurement.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// The figures one worker printed.
pub(crate) type Figures = BTreeMap<String, f64>;

/// Runs one worker that must succeed, once everything written before is on disk.
pub(crate) fn measure(task: &str, engine: &str, dir: &Path, numbers: &[usize]) -> Result<Figures> {
    rustix::fs::sync();
    let output = command(task, engine, dir, numbers)?.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{task} with {engine} failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(figure).collect()
}

/// Runs one worker that may fail in any way, but not for longer than `limit`; `None` if it did.
pub(crate) fn try_run(
    task: &str,
    engine: &str,
    dir: &Path,
    numbers: &[usize],
    limit: Duration,
) -> Result<Option<Output>> {
    let mut child = command(task, engine, dir, numbers)?.stderr(Stdio::piped()).spawn()?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > limit {
            return stop(child).map(|()| None);
        }
        pause(Duration::from_millis(2));
    }
    Ok(Some(child.wait_with_output()?))
}

/// Waits between two looks at something that announces no change.
#[expect(clippy::disallowed_methods, reason = "polling is all a child process and a directory allow here")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn stop(mut child: Child) -> Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn command(task: &str, engine: &str, dir: &Path, numbers: &[usize]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("worker").arg(task).arg(engine).arg(dir);
    command.args(numbers.iter().map(usize::to_string));
    command.env_remove("RUST_BACKTRACE").stdout(Stdio::piped());
    Ok(command)
}

fn figure(line: &str) -> Result<(String, f64)> {
    let (name, value) = line.split_once('=').context("worker printed something else")?;
    Ok((name.to_owned(), value.parse()?))
}
