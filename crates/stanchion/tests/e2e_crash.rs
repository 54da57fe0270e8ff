//! The server is killed at random moments while clients write: what was acknowledged is there after the restart.

#[cfg(test)]
mod support;

#[cfg(test)]
#[path = "crash/ledger.rs"]
mod ledger;

use std::time::Duration;

use support::command::{run, stanchion};
use support::random::{Random, seed};
use support::server::{Server, folder};
use support::{long, within};

use ledger::Ledger;

/// Clients that write at the same time.
const WRITERS: usize = 4;
/// The server is killed at most this long after the writers have begun.
const LONGEST_ROUND_MS: u64 = 700;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let (kills, limit) = if long() { (200, 2000) } else { (10, 120) };
    within(Duration::from_secs(limit), async {
        let seed = seed();
        eprintln!("STANCHION_SEED={seed}");
        let mut random = Random::new(seed);
        let folder = folder();
        let data_dir = folder.path().join("data");
        let mut ledger = Ledger::default();
        for round in 0..kills {
            let server = Server::start(&data_dir, &["--defrag-free-share", "0"]).await;
            ledger.compare(&server).await;
            ledger = write_until_killed(server, ledger, round, &mut random).await;
            let mut check = stanchion();
            run(check.args(["store", "check", "--data-dir"]).arg(&data_dir)).await.done();
        }
        let server = Server::start(&data_dir, &[]).await;
        ledger.compare(&server).await;
        assert!(
            ledger.acknowledged() > kills * WRITERS,
            "the writers got to write: {}",
            ledger.acknowledged()
        );
        assert_eq!(server.terminate().await.code, Some(0));
    })
    .await;
}

/// Lets clients write, in some rounds through a compaction or a defragmentation, and kills the server meanwhile.
async fn write_until_killed(server: Server, ledger: Ledger, round: usize, random: &mut Random) -> Ledger {
    let channel = server.channel().await;
    let newest = ledger.newest();
    let mut writers = tokio::task::JoinSet::new();
    for (writer, share) in ledger.split(WRITERS).into_iter().enumerate() {
        let random = Random::new(random.below(u64::MAX));
        writers.spawn(ledger::write(channel.clone(), share, format!("{round}-{writer}"), random));
    }
    let upkeep = tokio::spawn(ledger::upkeep(channel, round, newest));
    let moment = Duration::from_millis(1 + random.below(LONGEST_ROUND_MS));
    tokio::time::sleep(moment).await;
    server.kill().await;
    upkeep.await.expect("compaction and defragmentation end with the server");
    Ledger::join(writers.join_all().await)
}
