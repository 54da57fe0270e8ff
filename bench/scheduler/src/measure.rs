//! Places Pods one after the other and takes the time.

use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use crate::args::Size;
use crate::cases::Kind;
use crate::report::Line;

/// Measures one kind on one size, some times over.
pub(crate) fn measure(kind: Kind, size: Size, runs: usize) -> Line {
    let rates: Result<Vec<f64>> = (0..runs).map(|_| rate(kind, size)).collect();
    let (rate, error) = match rates {
        Ok(mut rates) => {
            rates.sort_unstable_by(f64::total_cmp);
            (Some(f64::midpoint(rates[runs / 2], rates[(runs - 1) / 2])), None)
        }
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    Line { case: kind.name(), nodes: size.nodes, pods: size.pods, rate, error }
}

/// Returns decisions in a second; a decision is searching, scoring and placing.
fn rate(kind: Kind, size: Size) -> Result<f64> {
    let (mut scheduler, pods) = kind.setting(size)?;
    let start = Instant::now();
    for (seed, pod) in (0_u64..).zip(&pods) {
        let placement = scheduler.schedule(pod, seed).map_err(|why| anyhow!(why.message(None)))?;
        scheduler.cluster.assume(pod, &placement.node, placement.volumes);
    }
    let seconds = start.elapsed().as_secs_f64();
    let pods = u32::try_from(pods.len()).context("that many Pods cannot be placed")?;
    Ok(f64::from(pods) / seconds)
}
