//! Whether memory stays where it was after many Pods have come and gone.

use anyhow::Result;
use tokio::time;

use crate::args::Args;
use crate::cluster;
use crate::figures::{CHURN_RATIO, MEMORY, PEAK};
use stanchion_bench_kit::client::{Client, Version};
use stanchion_bench_kit::load;
use stanchion_bench_kit::output::progress;
use stanchion_bench_kit::process::Process;
use stanchion_bench_kit::report::Report;

const GROUP: &str = "Churn";

/// The history of what has gone is given up sooner than usual, or it would be measured too.
pub(crate) const ARGUMENTS: [&str; 2] = ["--etcd-compaction-interval", "20s"];

/// Creates and deletes Pods beside those that are there.
pub(crate) async fn run(client: &Client, server: Process, args: &Args, report: &mut Report) -> Result<()> {
    time::sleep(args.settle).await;
    let before = server.memory()?;
    report.add_known(GROUP, "before", MEMORY, before);
    let (mut done, batch) = (0, 1_000);
    let mut connections = client.connect_many(Version::Http2, args.connections.get()).await?;
    while done < args.churn {
        let first = args.pods + done;
        let create = move |index| cluster::create_pod(first + index);
        let delete = move |index| cluster::delete_pod(first + index);
        (connections, _) = load::run(connections, server, batch, create).await?;
        (connections, _) = load::run(connections, server, batch, delete).await?;
        done += batch;
        if done.is_multiple_of(20_000) {
            progress(&format!("{done} Pods have come and gone, memory {:?} MB", server.memory()?));
        }
    }
    drop(connections);
    report.add_known(GROUP, "right after", MEMORY, server.memory()?);
    time::sleep(args.settle).await;
    let after = server.memory()?;
    report.add_known(GROUP, "after", MEMORY, after);
    report.add_known(GROUP, "after", PEAK, server.peak()?);
    let ratio = after.zip(before).map(|(after, before)| after / before);
    report.add_known(GROUP, "after / before", CHURN_RATIO, ratio);
    Ok(())
}
