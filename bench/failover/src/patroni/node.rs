//! One node: Patroni, and the PostgreSQL that it starts.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal};
use serde_json::{Value, json};
use stanchion_bench_kit::child::Running;

use super::{Profile, SCOPE};
use crate::place;

pub(super) const SUPERUSER: &str = "postgres";
const REPLICATION: &str = "replicator";
/// Where Debian has the programs of PostgreSQL.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// A PostgreSQL that is told to end at once has this long to do so.
const END_SECONDS: i64 = 5;

/// As whom PostgreSQL runs, which refuses to be root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// Returns the account to change to; none where this process is not root and need not change.
    pub(super) fn look() -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let line = accounts.lines().find_map(|line| line.strip_prefix("postgres:"));
        let mut fields = line.context("there is no account postgres")?.split(':').skip(1);
        let mut number = || fields.next().and_then(|field| field.parse().ok()).context("/etc/passwd");
        Ok(Some(Self { user: number()?, group: number()? }))
    }
}

/// What a node is to be.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) name: &'static str,
    pub(super) address: Ipv4Addr,
    pub(super) etcd: SocketAddr,
    pub(super) superuser: &'a str,
    pub(super) replication: &'a str,
}

/// A node. Dropping it ends its processes.
#[derive(Debug)]
pub(super) struct Node {
    name: &'static str,
    dir: PathBuf,
    rest: SocketAddr,
    database: SocketAddr,
    account: Option<Account>,
    manager: Option<Running>,
}

impl Node {
    pub(super) fn start(
        plan: &Plan<'_>,
        profile: &Profile,
        parent: &Path,
        account: Option<Account>,
    ) -> Result<Self> {
        let dir = parent.join(plan.name);
        fs::create_dir(&dir)?;
        let (rest, database) = (place::free(plan.address)?, place::free(plan.address)?);
        let mut node = Self { name: plan.name, dir, rest, database, account, manager: None };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(node.config())?;
        // What is JSON is YAML too.
        file.write_all(node.settings(plan, profile).to_string().as_bytes())?;
        if let Some(Account { user, group }) = account {
            chown(&node.dir, Some(user), Some(group))?;
            chown(node.config(), Some(user), Some(group))?;
        }
        node.restart()?;
        Ok(node)
    }

    /// Starts Patroni, again if it has ended.
    pub(super) fn restart(&mut self) -> Result<()> {
        drop(self.manager.take());
        let mut command = Command::new("patroni");
        command.arg(self.config()).current_dir(&self.dir);
        if let Some(Account { user, group }) = self.account {
            command.uid(user).gid(group);
        }
        self.manager = Some(Running::start(command, self.dir.join("patroni.log"))?);
        Ok(())
    }

    /// Fails, with the end of its log, if Patroni has ended by itself.
    pub(super) async fn running(&mut self) -> Result<()> {
        match &mut self.manager {
            Some(manager) if manager.age() < super::HEALTHY_LIMIT / 4 => {
                manager.wait().await.with_context(|| format!("Patroni of node {}", self.name))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns where Patroni answers.
    pub(super) fn rest(&self) -> SocketAddr {
        self.rest
    }

    /// Returns where PostgreSQL answers.
    pub(super) fn database(&self) -> SocketAddr {
        self.database
    }

    pub(super) fn config(&self) -> PathBuf {
        self.dir.join("patroni.yml")
    }

    /// Returns Patroni's process.
    pub(super) fn manager(&self) -> Result<u32> {
        let manager = self.manager.as_ref().and_then(|manager| manager.process().0);
        manager.with_context(|| format!("Patroni of node {} does not run", self.name))
    }

    /// Returns PostgreSQL's first process.
    pub(super) fn postmaster(&self) -> Result<u32> {
        let file = self.dir.join("data").join("postmaster.pid");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let pid = text.lines().next().context("postmaster.pid is empty")?.trim().parse()?;
        // The file of one that was killed stays, and its number may be somebody else's by now.
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        ensure!(name.trim() == "postgres", "PostgreSQL of node {} does not run", self.name);
        Ok(pid)
    }

    fn settings(&self, plan: &Plan<'_>, profile: &Profile) -> Value {
        let (rest, database) = (self.rest.to_string(), self.database.to_string());
        let account = |name: &str, password: &str| json!({"username": name, "password": password});
        let local = "127.0.0.0/8 scram-sha-256";
        json!({
            "scope": SCOPE,
            "name": self.name,
            "restapi": {"listen": rest, "connect_address": rest},
            "etcd3": {"host": plan.etcd.to_string()},
            "bootstrap": {
                "dcs": {
                    "ttl": profile.ttl,
                    "loop_wait": profile.loop_wait,
                    "retry_timeout": profile.retry_timeout,
                    "primary_start_timeout": profile.primary_start_timeout,
                    "synchronous_mode": true,
                    "postgresql": {"use_pg_rewind": true},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
            },
            "postgresql": {
                "listen": database,
                "connect_address": database,
                "data_dir": self.dir.join("data"),
                "bin_dir": PROGRAMS,
                "pgpass": self.dir.join("pgpass"),
                "authentication": {
                    "superuser": account(SUPERUSER, plan.superuser),
                    "replication": account(REPLICATION, plan.replication),
                },
                "parameters": {"unix_socket_directories": ""},
                "pg_hba": [
                    format!("host replication {REPLICATION} {local}"),
                    format!("host all all {local}"),
                ],
            },
            "watchdog": {"mode": "off"},
        })
    }

    /// Ends PostgreSQL at once, but not by SIGKILL, which would leave its shared memory behind.
    fn end_database(&self) -> Result<()> {
        let Ok(pid) = self.postmaster() else { return Ok(()) };
        let pid = Pid::from_raw(i32::try_from(pid)?).context("no process has this number")?;
        // One that has ended, as by a fault, cannot be opened.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
        for signal in [Signal::QUIT, Signal::KILL] {
            pidfd_send_signal(&process, signal)?;
            pidfd_send_signal(&process, Signal::CONT)?;
            let limit = Timespec { tv_sec: END_SECONDS, tv_nsec: 0 };
            if poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit))? > 0 {
                break;
            }
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Otherwise it would start the database again.
        drop(self.manager.take());
        if let Err(error) = self.end_database() {
            stanchion_bench_kit::output::error(&error.context(format!("PostgreSQL of node {}", self.name)));
        }
    }
}
