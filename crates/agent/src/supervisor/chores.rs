//! What is done when nothing is asked: any database reads certificates again that were renewed; a primary sees to accounts,
//! the brake, and a push for commits that nobody would acknowledge.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stanchion_engine::brake::{Brake, Member};
use stanchion_engine::mariadb::Instance;
use stanchion_ha_core::{Acknowledgement, Millis, Report};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::Supervisor;
use super::work::{Done, What, Work};
use crate::hands::HandError;
use crate::plan::Posture;
use crate::tls::Stamps;

/// How often it is looked whether certificates were renewed.
const CERTIFICATES: Duration = Duration::from_secs(5);
/// How often the brake is looked at.
const BRAKE: Duration = Duration::from_millis(500);
/// How often accounts are compared with the secrets.
const ACCOUNTS: Duration = Duration::from_secs(30);
/// A commit that has waited for so long while somebody listens may have been received by who cannot acknowledge it any more:
/// an acknowledgement that got lost with its connection is not repeated, but that of the next transaction covers it.
const NUDGE: Duration = Duration::from_secs(1);

/// The certificates that a database uses: it reads the files when it starts, and then only when it is told to.
#[derive(Debug, Default)]
struct Renewal {
    /// When the files were looked at last.
    looked: Option<Instant>,
    /// Which life of the database has read which files for certain. None at its start: they may have changed meanwhile.
    read: Arc<Mutex<Option<(Instant, Stamps)>>>,
    /// The statement that has the files read; it has a deadline, and nothing waits for it.
    reading: Option<AbortOnDropHandle<()>>,
}

/// When what was done last.
#[derive(Debug, Default)]
pub(super) struct Chores {
    /// When accounts were compared last.
    accounts: Option<Instant>,
    /// For which settings that was, and whether commits would have returned.
    accounts_for: Option<(Option<i64>, bool)>,
    /// When the brake was looked at last.
    braked: Option<Instant>,
    /// When commits were pushed last.
    nudged: Option<Instant>,
    /// How long commits are held back.
    pub(super) brake: Duration,
    /// What decides on that.
    control: Option<Brake>,
    /// Which certificates are in use.
    renewal: Renewal,
}

impl Renewal {
    /// Has the files read if those are others than what the life that began at `began` has read.
    fn look(&mut self, instance: &Instance, began: Instant, stamps: Stamps) {
        let now = Some((began, stamps));
        if *self.read.lock() == now || self.reading.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (instance, read) = (instance.clone(), Arc::clone(&self.read));
        self.reading = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            match instance.reload_certificates().await {
                Ok(()) => {
                    *read.lock() = now;
                    tracing::info!("the database has read its certificates");
                }
                Err(error) => tracing::warn!(%error, "the database goes on with the certificates it has"),
            }
        })));
    }
}

impl Supervisor {
    /// Begins what is due.
    pub(super) fn begin_chore(&mut self) {
        self.renew_certificates();
        let Posture::Primary(office) = &self.posture else { return };
        let Some(running) = &self.running else { return };
        let requires = office.requires.is_some();
        let (now, instance, hands) = (Instant::now(), running.instance.clone(), self.parts.hands.clone());
        if is_due(self.chores.nudged, NUDGE, now) && requires && self.is_stuck() {
            self.chores.nudged = Some(now);
            instance.nudge();
        }
        let revision = self.known.borrow().settings.as_ref().map(|seen| seen.revision);
        let application = self.can_commit();
        let complete = self.chores.accounts_for == Some((revision, application));
        if !complete || is_due(self.chores.accounts, ACCOUNTS, now) {
            self.chores.accounts = Some(now);
            self.chores.accounts_for = Some((revision, application));
            let servers = self.settings().map_or_else(Default::default, |settings| {
                settings.members.values().map(|member| member.server).collect()
            });
            let operation = async move { Done::Plain(hands.accounts(&instance, servers, application).await) };
            self.work = Some(Work::begin(What::Accounts, operation));
        } else if is_due(self.chores.braked, BRAKE, now) {
            let since = self.chores.braked.replace(now).map_or(BRAKE, |last| now - last);
            let wait = self.decide_brake(since, now);
            if wait != self.chores.brake {
                let operation = async move { Done::Plain(hands.brake(&instance, wait).await) };
                self.work = Some(Work::begin(What::Brake(wait), operation));
            }
        }
    }

    /// Has the database read its certificates again if they were renewed.
    fn renew_certificates(&mut self) {
        let Some(running) = &self.running else { return };
        let now = Instant::now();
        if is_due(self.chores.renewal.looked, CERTIFICATES, now) {
            self.chores.renewal.looked = Some(now);
            let stamps = self.parts.hands.certificate_stamps();
            self.chores.renewal.look(&running.instance, running.began, stamps);
        }
    }

    /// Takes over what came of a chore.
    pub(super) fn chore_done(&mut self, what: &What, done: Result<(), HandError>) {
        let succeeded = done.is_ok();
        self.parts.metrics.stepped(what.name(), succeeded);
        match done {
            Ok(()) => {
                if let What::Brake(wait) = what {
                    self.chores.brake = *wait;
                }
            }
            // Nothing that is owed depends on it; it is due again soon.
            Err(error) => tracing::warn!(what = what.name(), error = error.chain(), "a chore failed"),
        }
        if !succeeded && *what == What::Accounts {
            // Sooner than when all is well.
            self.chores.accounts = Some(Instant::now() - ACCOUNTS + NUDGE * 2);
        }
    }

    /// Whether a commit would be acknowledged: who waits for accounts should not wait for ever.
    fn can_commit(&self) -> bool {
        let Some(seen) = &self.topology else { return false };
        match seen.value.acknowledgement {
            Acknowledgement::Alone => true,
            Acknowledgement::Entering | Acknowledgement::Required => self.has_acknowledger(),
        }
    }

    fn has_acknowledger(&self) -> bool {
        let writing = self.sight.as_ref().and_then(|sight| sight.looks.as_ref()?.writing.as_ref());
        writing.is_some_and(|writing| writing.acknowledgers > 0)
    }

    /// Whether commits wait although somebody who acknowledges listens.
    fn is_stuck(&self) -> bool {
        let writing = self.sight.as_ref().and_then(|sight| sight.looks.as_ref()?.writing.as_ref());
        let waits = writing.is_some_and(|writing| writing.sessions > 0 && writing.waiting >= NUDGE);
        waits && self.has_acknowledger()
    }

    /// Returns how long commits are to be held back, for the members of the sync set that apply late.
    fn decide_brake(&mut self, since: Duration, now: Instant) -> Duration {
        let bound = self.settings().map_or(Millis(0), |settings| settings.max_apply_lag);
        let Some(seen) = &self.topology else { return Duration::ZERO };
        let me = self.parts.hands.me();
        let patience = self.patience();
        let known = self.known.borrow();
        let fresh = seen.value.sync_set.iter().filter(|name| *name != me).filter_map(|name| {
            let heard = known.reports.get(name)?;
            let age = now.saturating_duration_since(heard.at);
            (age < patience).then(|| member(&heard.report, age))
        });
        let members: Vec<Member> = fresh.collect();
        drop(known);
        let control = self.chores.control.get_or_insert_with(|| Brake::new(bound.into()));
        control.set_bound(bound.into());
        control.look(members, self.applied.sequence(), since)
    }
}

fn member(report: &Report, age: Duration) -> Member {
    let second = |rate| Duration::from_millis(rate).as_secs_f64();
    Member {
        lag: report.apply_lag.into(),
        applied: report.applied.sequence(),
        rate: report.apply_rate.map(second),
        age,
    }
}

fn is_due(last: Option<Instant>, interval: Duration, now: Instant) -> bool {
    last.is_none_or(|last| now - last >= interval)
}
