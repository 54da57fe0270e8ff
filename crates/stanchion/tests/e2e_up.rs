//! `stanchion up`: what is applied with kubectl is placed, runs as processes, heals, rolls out and ends.

#[cfg(test)]
#[path = "up/alone.rs"]
mod alone;
#[cfg(test)]
#[path = "up/broken_off.rs"]
mod broken_off;
#[cfg(test)]
#[path = "up/churn.rs"]
mod churn;
#[cfg(test)]
#[path = "up/crashes.rs"]
mod crashes;
#[cfg(test)]
#[path = "up/disk.rs"]
mod disk;
#[cfg(test)]
#[expect(dead_code, reason = "other suites use more of it")]
#[path = "up/ground.rs"]
mod ground;
#[cfg(test)]
#[path = "up/proxy.rs"]
mod proxy;
#[cfg(test)]
#[path = "up/shares.rs"]
mod shares;
#[cfg(test)]
#[path = "up/simulated.rs"]
mod simulated;
#[cfg(test)]
#[path = "up/site.rs"]
mod site;
#[cfg(test)]
mod support;
#[cfg(test)]
#[path = "up/terminal.rs"]
mod terminal;
#[cfg(test)]
#[path = "up/visitor.rs"]
mod visitor;
#[cfg(test)]
#[path = "up/workloads.rs"]
mod workloads;

use std::time::Duration;

/// Longer than any of these takes, by far.
const LIMIT: Duration = Duration::from_secs(200);
