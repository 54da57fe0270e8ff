//! A program that is run to its end.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use stanchion_bench_kit::process::Process;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::{interval, timeout};

/// How often its memory is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// A program that has not ended after this has failed.
const LIMIT: Duration = Duration::from_mins(10);

/// What a run took.
#[derive(Debug)]
pub(crate) struct Cost {
    pub(crate) took: Duration,
    /// In MB, at most.
    pub(crate) memory: f64,
    /// How much it wrote.
    pub(crate) written: Vec<u8>,
}

/// Runs a program to its end; `is_success` judges its exit code. Its output is kept up to `keep` bytes and read in any case.
pub(crate) async fn run(mut command: Command, keep: usize, is_success: impl Fn(i32) -> bool) -> Result<Cost> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
    let process = Process(child.id());
    let mut stdout = child.stdout.take().context("it is piped")?;
    let read = async {
        let (mut written, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
        loop {
            let count = stdout.read(&mut buffer).await?;
            if count == 0 {
                return Ok::<_, anyhow::Error>(written);
            }
            written.extend_from_slice(&buffer[..count.min(keep.saturating_sub(written.len()))]);
        }
    };
    let watch = async {
        let (mut memory, mut looks) = (0.0_f64, interval(LOOK));
        loop {
            looks.tick().await;
            // One that has just ended has no memory to look at.
            match process.peak() {
                Ok(Some(now)) => memory = memory.max(now),
                Ok(None) | Err(_) => return memory,
            }
        }
    };
    let all = async {
        let (written, memory) = tokio::join!(read, watch);
        let status = child.wait().await?;
        Ok::<_, anyhow::Error>((written?, memory, status))
    };
    let (written, memory, status) = timeout(LIMIT, all).await.context("it does not end")??;
    let took = started.elapsed();
    ensure!(status.code().is_some_and(is_success), "it ended with {status}");
    Ok(Cost { took, memory, written })
}
