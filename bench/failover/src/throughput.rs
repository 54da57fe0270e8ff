//! The throughput: all subjects run at once, and sysbench loads one after the other for seconds, turn by turn.
//!
//! What this machine gives changes within minutes by more than what subjects differ by, so only what stands close together can be
//! compared: figures of one turn are. A subject that is not loaded costs next to nothing.

use std::time::Duration;

use anyhow::Result;
use stanchion_bench_kit::output::progress;
use stanchion_rehearse::Sysbench;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::args::Args;
use crate::ours::Ours;
use crate::plain::Plain;
use crate::results::Results;
use crate::round::HEALTHY_LIMIT;
use crate::subject::Subject as _;
use crate::suite::{OURS, directory};

/// Through the Service, which on the embedded cluster is a proxy in user space: each packet costs two more of it.
const OURS_SERVICE: &str = "stanchion, through its Service";
const PREPARE_LIMIT: Duration = Duration::from_mins(2);
/// Before each figure, so that none begins with what has not been touched for a while.
const WARM_UP: Duration = Duration::from_secs(1);
/// Behind each figure replicas catch up and pages are written, which is not to be the next one's loss.
const REST: Duration = Duration::from_secs(2);

/// Measures every subject in each turn.
pub(crate) async fn run(args: &Args, results: &mut Results) -> Result<()> {
    let mut dirs: Vec<TempDir> = Vec::new();
    let mut peers = Vec::new();
    let mut loads = Vec::new();
    for kind in args.peers.iter().filter_map(|peer| peer.plain()) {
        progress(&format!("{}: start", kind.name()));
        let dir = directory(args)?;
        let plain = Box::pin(Plain::start(dir.path(), kind)).await?;
        loads.push((kind.name(), filled(plain.load(args.size())?).await?));
        peers.push(plain);
        dirs.push(dir);
    }
    let mut ours = None;
    if let Some(program) = &args.stanchion {
        progress(&format!("{OURS}: start"));
        let dir = directory(args)?;
        let mut subject = Box::pin(Ours::start(program, dir.path(), args.spec.as_ref())).await?;
        subject.healthy(HEALTHY_LIMIT).await?;
        let direct = Sysbench::new(subject.driver(), &subject.direct().await?, args.size())?;
        loads.push((OURS, filled(direct).await?));
        loads.push((OURS_SERVICE, Sysbench::new(subject.driver(), subject.access(), args.size())?));
        ours = Some(subject);
        dirs.push(dir);
    }
    for turn in 1..=args.rounds.get() {
        for (name, sysbench) in order(&loads, turn) {
            progress(&format!("{name}: throughput, {turn} of {}", args.rounds));
            sysbench.measure(WARM_UP).await?;
            results.add_throughput(name, turn, sysbench.measure(args.seconds).await?);
            sleep(REST).await;
        }
    }
    for plain in peers {
        plain.stop().await?;
    }
    match ours {
        Some(ours) => ours.stop().await,
        None => Ok(()),
    }
}

async fn filled(sysbench: Sysbench) -> Result<Sysbench> {
    sysbench.prepare(PREPARE_LIMIT).await?;
    Ok(sysbench)
}

/// Returns all in an order that differs from turn to turn, so that nobody always follows the same or is always the first.
fn order<T>(all: &[T], turn: usize) -> Vec<&T> {
    let first = (turn / 2) % all.len().max(1);
    let mut order: Vec<&T> = all[first..].iter().chain(&all[..first]).collect();
    if turn.is_multiple_of(2) {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn each_is_measured_once_in_a_turn_and_before_and_behind_the_others() {
        let mut first = Vec::new();
        for turn in 1..=6 {
            let mut of = order(&["a", "b", "c"], turn);
            first.push(*of[0]);
            of.sort();
            assert_eq!(of, [&"a", &"b", &"c"]);
        }
        first.sort_unstable();
        assert_eq!(first, ["a", "a", "b", "b", "c", "c"]);
        assert!(order::<u8>(&[], 1).is_empty());
    }
}
