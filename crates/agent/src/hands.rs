//! What is done to the database: each thing that takes time, as one function.
//!
//! Nothing here decides. Whatever is here may be given up half-way by dropping it, where [`supervisor`](crate::supervisor)
//! says that it may.

mod clone;
mod error;
mod number;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use stanchion_engine::mariadb::{
    self, Config as DatabaseConfig, ConfigError, Files, Instance, Layout, Offline, Password, Process,
    Recovery, ReplicationAccounts,
};
use stanchion_ha_core::{History, InstanceName, Position, ServerId};
use tokio::sync::mpsc;

pub(crate) use self::clone::Source;
pub(crate) use self::error::HandError;
use crate::belonging::{Adoption, Label, Verdict, judge};
use crate::config::Config;
use crate::identity::Identity;
use crate::marker::{Marker, MarkerError};
use crate::supervisor::Launched;
use crate::tls::{Certificates, Stamps};

/// Crash recovery may take so long; a day is longer than any that was heard of.
const RECOVERY: Duration = Duration::from_hours(24);
/// What was received in an earlier life may take so long to apply.
const DRAIN: Duration = Duration::from_hours(24);
/// Clients may hold up the end of a primary for so long.
const LAST_DEMOTION: Duration = Duration::from_secs(2);

/// What is done to one database. Clones do it to the same.
#[derive(Clone, Debug)]
pub(crate) struct Hands(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    identity: Identity,
    layout: Layout,
    database: DatabaseConfig,
    certificates: Certificates,
    marker: Marker,
    /// Whether the marker is set; read once, so that nobody waits for a disk to know.
    wrote: AtomicBool,
    /// The marker that says: something was lost that others count on.
    lost: Marker,
    /// Whether the database writes under another number than its instance's.
    numbered: AtomicBool,
    /// Whether a copy is being put in place, which is not to be given up half-way.
    installing: AtomicBool,
    /// Behind where the transactions have been saved that the next copy replaces.
    saved_behind: Mutex<Option<Position>>,
    /// Why the last copy failed.
    copy_failure: Mutex<Option<String>>,
    log: mpsc::Sender<String>,
}

/// What was found in the files.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// Data of the cluster.
    Ready {
        /// What they say.
        offline: Offline,
        /// Whether something is gone that others count on: all files, or what was not yet on the disk when the machine went
        /// down.
        lost: bool,
        /// Whose they are, if that is still another cluster.
        borrowed: Option<String>,
    },
    /// Data of another cluster.
    Foreign {
        /// Whose.
        of: String,
    },
}

/// What steps need to know besides.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Which transactions belong.
    pub(crate) history: History,
    /// How often a primary is to say that it is there while nothing is written.
    pub(crate) heartbeat: Duration,
    /// The numbers of instances.
    pub(crate) servers: BTreeMap<InstanceName, ServerId>,
    /// Whether what was received has to be applied before somebody is followed, because nobody else may hold it.
    pub(crate) keep_received: bool,
    /// How long clients may hold up a hand over.
    pub(crate) patience: Duration,
}

impl Hands {
    /// Makes hands for the instance of `identity`. What the database logs goes to `log`.
    pub(crate) fn new(
        config: Config,
        identity: Identity,
        certificates: Certificates,
        log: mpsc::Sender<String>,
    ) -> Result<Self, ConfigError> {
        let layout = Layout::new(&config.data_directory);
        let layout = match &config.temporary_directory {
            Some(directory) => layout.with_temporary(directory),
            None => layout,
        };
        let address = SocketAddr::new(identity.address, config.database_port);
        let tls = mariadb::Tls {
            ca: config.tls_directory.join("ca.crt"),
            certificate: config.tls_directory.join("tls.crt"),
            key: config.tls_directory.join("tls.key"),
        };
        let database = DatabaseConfig::new(identity.server, address, Some(tls), &config.parameters)?;
        let marker = Marker::wrote(&config.data_directory);
        let lost = Marker::lost(&config.data_directory);
        let wrote = AtomicBool::new(marker.is_set());
        let numbered = AtomicBool::new(false);
        Ok(Self(Arc::new(Inner {
            config,
            identity,
            layout,
            database,
            certificates,
            marker,
            wrote,
            lost,
            numbered,
            installing: AtomicBool::new(false),
            saved_behind: Mutex::new(None),
            copy_failure: Mutex::new(None),
            log,
        })))
    }

    /// Returns the instance's name.
    pub(crate) fn me(&self) -> &InstanceName {
        &self.0.identity.instance
    }

    /// Returns its number.
    pub(crate) fn server(&self) -> ServerId {
        self.0.identity.server
    }

    /// Returns the number of an instance, as its name says it.
    pub(crate) fn server_of(&self, instance: &InstanceName) -> Option<ServerId> {
        self.0.identity.server_of(instance)
    }

    /// Returns where its database listens.
    pub(crate) fn database_address(&self) -> SocketAddr {
        SocketAddr::new(self.0.identity.address, self.0.config.database_port)
    }

    /// Returns where its agent listens.
    pub(crate) fn agent_address(&self) -> SocketAddr {
        SocketAddr::new(self.0.identity.address, self.0.config.agent_port)
    }

    /// Returns how long the end may take.
    pub(crate) fn grace(&self) -> Duration {
        self.0.config.grace
    }

    /// Returns what changes when the certificates' files do.
    pub(crate) fn certificate_stamps(&self) -> Stamps {
        self.0.certificates.stamps()
    }

    /// Returns where the files are.
    pub(crate) fn layout(&self) -> &Layout {
        &self.0.layout
    }

    /// Returns whether the database was writable and has not handed over since.
    pub(crate) fn wrote(&self) -> bool {
        self.0.wrote.load(Ordering::Acquire)
    }

    /// Returns whether a copy is being put in place.
    pub(crate) fn is_installing(&self) -> bool {
        self.0.installing.load(Ordering::Acquire)
    }

    /// Notes, durably, that the database is about to become writable.
    async fn mark(&self) -> Result<(), HandError> {
        self.0.wrote.store(true, Ordering::Release);
        let marker = self.0.marker.clone();
        Ok(tokio::task::spawn_blocking(move || marker.set()).await??)
    }

    /// Notes, durably, that all that the database wrote belongs.
    pub(crate) async fn unmark(&self) -> Result<(), HandError> {
        let marker = self.0.marker.clone();
        tokio::task::spawn_blocking(move || marker.remove()).await??;
        self.0.wrote.store(false, Ordering::Release);
        Ok(())
    }

    /// Notes that all is there again that others count on.
    pub(crate) async fn found(&self) -> Result<(), HandError> {
        let lost = self.0.lost.clone();
        Ok(tokio::task::spawn_blocking(move || lost.remove()).await??)
    }

    /// Puts the files in order, makes them if there are none, and reads what they say. `counted_on` is whether others rely on
    /// what the instance holds, `adoption` which data of another cluster may become this one's.
    pub(crate) async fn prepare(
        &self,
        servers: BTreeSet<ServerId>,
        counted_on: bool,
        adoption: Adoption,
    ) -> Result<Prepared, HandError> {
        let layout = self.0.layout.clone();
        let files = tokio::task::spawn_blocking(move || mariadb::settle(&layout)).await??;
        let borrowed = match self.look_whose(files == Files::Present, adoption).await? {
            Verdict::Foreign { of } => return Ok(Prepared::Foreign { of }),
            Verdict::Borrow { of } => Some(of),
            Verdict::Ours | Verdict::Claim => None,
        };
        match files {
            Files::Present => {}
            Files::Absent => {
                tracing::info!(path = %self.0.layout.data().display(), counted_on, "initializing the data directory");
                if counted_on {
                    let lost = self.0.lost.clone();
                    tokio::task::spawn_blocking(move || lost.set()).await??;
                }
                let accounts = self.replication_accounts(servers).await?;
                mariadb::initialize(&self.0.layout, &accounts).await?;
                // Whatever was written before is gone with the files.
                self.unmark().await?;
            }
        }
        let offline = mariadb::offline(&self.0.layout).await?;
        let (lost, is_uncertain) = (self.0.lost.clone(), offline.uncertain && !self.wrote());
        let look = move || {
            if is_uncertain {
                lost.set()?;
            }
            Ok::<_, MarkerError>(lost.is_set())
        };
        Ok(Prepared::Ready { offline, lost: tokio::task::spawn_blocking(look).await??, borrowed })
    }

    /// Makes the volume the cluster's, unless it is somebody else's.
    async fn look_whose(&self, has_data: bool, adoption: Adoption) -> Result<Verdict, HandError> {
        let (label, ours) = (Label::new(&self.0.config.data_directory), self.0.identity.uid.clone());
        let claim = move || {
            let found = label.read()?;
            let verdict = judge(ours.as_deref(), found.as_deref(), has_data, &adoption);
            if let (Verdict::Claim, Some(ours)) = (&verdict, &ours) {
                label.write(ours)?;
                tracing::info!(was = found, is = ours, has_data, "the volume is the cluster's");
            }
            Ok::<_, MarkerError>(verdict)
        };
        Ok(tokio::task::spawn_blocking(claim).await??)
    }

    /// Makes the volume the cluster's, whosever it was.
    pub(crate) async fn claim(&self) -> Result<(), HandError> {
        let Some(ours) = self.0.identity.uid.clone() else { return Ok(()) };
        let label = Label::new(&self.0.config.data_directory);
        Ok(tokio::task::spawn_blocking(move || label.write(&ours)).await??)
    }

    /// Puts data of another cluster aside, if the volume holds such.
    async fn put_aside(&self) -> Result<(), HandError> {
        let Some(ours) = self.0.identity.uid.clone() else { return Ok(()) };
        let (label, data) = (Label::new(&self.0.config.data_directory), self.0.layout.data());
        let aside = tokio::task::spawn_blocking(move || label.put_aside(&data, &ours)).await??;
        if let Some(path) = aside {
            tracing::warn!(path = %path.display(), "put the data of another cluster aside");
        }
        Ok(())
    }

    /// Starts a process; what lies behind `cut_behind` is saved first.
    pub(crate) async fn launch(
        &self,
        recovery: Recovery,
        cut_behind: Option<Position>,
    ) -> Result<Launched, HandError> {
        let saved = match cut_behind {
            Some(after) => self.save(after).await?,
            None => None,
        };
        let inner = &*self.0;
        inner.numbered.store(false, Ordering::Release);
        let process = Process::start(&inner.layout, &inner.database, recovery, inner.log.clone()).await?;
        Ok(Launched { process, instance: Instance::new(&inner.layout), saved })
    }

    /// Waits until a process answers, makes the accounts of `servers`, and returns the last transaction in the binary log.
    pub(crate) async fn ready(
        &self,
        process: &Process,
        instance: &Instance,
        servers: BTreeSet<ServerId>,
    ) -> Result<Position, HandError> {
        process.ready(instance, RECOVERY).await?;
        if !servers.is_empty() {
            let accounts = self.replication_accounts(servers).await?;
            instance.ensure_replication_accounts(&accounts).await?;
        }
        Ok(instance.executed().await?)
    }

    /// Saves the transactions behind `after`; returns the file, if there are any.
    pub(crate) async fn save(&self, after: Position) -> Result<Option<PathBuf>, HandError> {
        let saved = mariadb::save_diverged(&self.0.layout, after).await?;
        if let Some(path) = &saved {
            tracing::warn!(path = %path.display(), "saved transactions that do not belong to the cluster");
        }
        Ok(saved)
    }

    /// Applies what an earlier life received.
    pub(crate) async fn drain(&self, instance: &Instance) -> Result<(), HandError> {
        let drained = instance.drain_relay_log(&self.0.layout, DRAIN).await;
        if drained.is_err() {
            // It may have acknowledged what is thrown away next; also a later life has to know.
            let lost = self.0.lost.clone();
            tokio::task::spawn_blocking(move || lost.set()).await??;
        }
        drained?;
        Ok(())
    }

    /// Makes the accounts of a primary what they should be; those of the application only if commits will return.
    pub(crate) async fn accounts(
        &self,
        instance: &Instance,
        servers: BTreeSet<ServerId>,
        application: bool,
    ) -> Result<(), HandError> {
        let accounts = self.replication_accounts(servers).await?;
        instance.ensure_replication_accounts(&accounts).await?;
        if application {
            let Config { database, user, .. } = &self.0.config;
            let password = self.secret("app-password").await?;
            instance.ensure_application(database, user, &password).await?;
        }
        Ok(())
    }

    /// Holds commits back, or not.
    pub(crate) async fn brake(&self, instance: &Instance, wait: Duration) -> Result<(), HandError> {
        Ok(instance.brake(wait).await?)
    }

    /// Ends the database within the rest of the grace period.
    pub(crate) async fn end(&self, process: &Process, instance: &Instance, must_stop_writing: bool) {
        if must_stop_writing && let Err(error) = instance.demote_orderly(LAST_DEMOTION).await {
            // An orderly end would let commits return that nobody has acknowledged.
            tracing::warn!(error = HandError::from(error).chain(), "killing the database");
            process.kill_and_wait().await;
            return;
        }
        process.stop(self.grace() / 4).await;
    }

    async fn replication_accounts(
        &self,
        servers: BTreeSet<ServerId>,
    ) -> Result<ReplicationAccounts, HandError> {
        let password = self.secret("replication-password").await?;
        Ok(ReplicationAccounts { servers, password, certificate: true })
    }

    /// Reads a password as it is now.
    async fn secret(&self, name: &'static str) -> Result<Password, HandError> {
        let path = self.0.config.secrets_directory.join(name);
        match tokio::fs::read_to_string(&path).await {
            Ok(text) => Ok(Password::new(text.trim_end_matches('\n'))),
            Err(source) => Err(HandError::Secret { path, source }),
        }
    }
}
