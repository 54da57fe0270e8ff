//! A rehearsal from the first row to the last look.

use std::time::{Duration, SystemTime};

use stanchion_api::{FailoverStatus, HaStatus};
use stanchion_rehearse::{MariaDb, Pace, Record, Summary, Writer, WriterError, clear, verify};
use tokio::time::Instant;

use super::aim::{Aim, Mode};
use super::outcome::Rehearsed;
use crate::commands::db::{Clusters, instant, step};
use crate::error::Failure;
use crate::exit::Exit;
use crate::output;

/// The client has its table within this time, and writes without a failure.
const BEGIN: Duration = Duration::from_secs(30);
/// So many rows are acknowledged before anything is done: a second of them.
const ROWS: u64 = 100;
/// Writes succeed again within this time: a frozen primary is noticed after seconds, a large backlog takes longer.
const RECOVERY: Duration = Duration::from_mins(3);
/// They have when none has failed for so long.
const QUIET: Duration = Duration::from_secs(1);
/// The old primary is back within this time: it may need a copy.
const BACK: Duration = Duration::from_mins(5);
/// All rows are read back within this time.
const VERIFY: Duration = Duration::from_mins(1);
/// From one look at the status to the next.
const LOOK: Duration = Duration::from_millis(200);

/// Rehearses.
pub(super) async fn rehearse(clusters: &Clusters, aim: Aim) -> Result<Rehearsed, Failure> {
    let Aim { cluster, namespace, primary, mode, before, access, victims } = aim;
    let target = MariaDb::new(&access);
    let mut writer = Writer::start(target.clone(), Pace::default(), BEGIN).await.map_err(unwritable)?;
    writer.steady(ROWS, BEGIN).await.map_err(unwritable)?;
    output::note(&format!("{ROWS} rows are acknowledged; now the harm"));
    let names = victims.to_string();
    let failed = |error| Failure::new(Exit::Failure, error);
    let (since, frozen) = match mode {
        Mode::Mariadbd | Mode::Pod => {
            let since = writer.mark(format!("SIGKILL to {names}"));
            victims.kill().map_err(failed)?;
            (since, None)
        }
        Mode::Freeze => {
            let since = writer.mark(format!("SIGSTOP to {names}"));
            (since, Some(victims.freeze().map_err(failed)?))
        }
    };
    let recovered = writer.recovered(since, QUIET, RECOVERY).await;
    if let Some(frozen) = frozen {
        writer.mark("SIGCONT to them");
        frozen.thaw().map_err(failed)?;
    }
    if recovered.is_ok() {
        output::note(&format!("writes succeed again; waiting for {primary} to be back"));
    }
    let back = back(clusters, &cluster, &primary, before.term).await;
    if back.is_some() {
        writer.mark(format!("{primary} is back"));
    }
    let mut record = writer.stop().await.map_err(unwritable)?;
    let after = clusters.get(&cluster).await?.status.and_then(|status| status.ha).unwrap_or_default();
    let failover = after.failover.clone().filter(|story| story.term > before.term);
    if let Some(story) = &failover {
        remark(&mut record, story);
    }
    output::note("looking for every acknowledged row");
    let verdict =
        verify(&target, &record, VERIFY).await.map_err(|error| Failure::new(Exit::Unavailable, error))?;
    // Rows of a loss are evidence.
    if verdict.is_clean()
        && let Err(error) = clear(&target, record.run, VERIFY).await
    {
        output::note(&format!("{error}; they stay in the table stanchion_rehearsal"));
    }
    Ok(Rehearsed {
        cluster,
        namespace,
        mode,
        old_primary: primary,
        new_primary: after.primary,
        old_primary_is_back: back.is_some(),
        recovered: recovered.is_ok(),
        failover,
        client: Summary::of(&record, verdict),
    })
}

fn unwritable(error: WriterError) -> Failure {
    Failure::new(Exit::Unavailable, error)
}

/// Waits until the old primary takes part again; nothing if it does not in time.
async fn back(clusters: &Clusters, cluster: &str, primary: &str, term: i64) -> Option<()> {
    let until = Instant::now() + BACK;
    while Instant::now() < until {
        let ha = clusters.get(cluster).await.ok().and_then(|cluster| cluster.status?.ha);
        if ha.is_some_and(|ha| ha.term > term && takes_part(&ha, primary)) {
            return Some(());
        }
        tokio::time::sleep(LOOK).await;
    }
    None
}

/// Whether an instance writes, or follows and may acknowledge.
fn takes_part(ha: &HaStatus, name: &str) -> bool {
    let role = ha.instance(name).and_then(|instance| instance.role.as_deref());
    let is_primary = ha.primary.as_deref() == Some(name);
    let is_member = ha.sync_set.iter().any(|member| member == name);
    // The last report of who was frozen says that it is primary.
    ha.is_serving() && ((is_primary && role == Some("Primary")) || (is_member && role == Some("Follower")))
}

/// Puts the manager's moments beside what the client saw. Those before the harm are told with the manager's own story.
fn remark(record: &mut Record, story: &FailoverStatus) {
    let Some(harm) = record.marks.first().map(|mark| record.began + mark.at) else { return };
    for moment in &story.moments {
        if let Some(at) = instant(moment).map(SystemTime::from).filter(|at| *at > harm) {
            record.remark(at, format!("manager: {}", step(&moment.step)));
        }
    }
}
