//! The peer for the throughput: MariaDB with two semi-synchronous replicas, set up by hand, nobody watching.
//!
//! Each commit is on disk, and with one replica at least, before it is acknowledged, and as many threads apply as with ours. How
//! much else is as with ours is told by its [`Kind`]. Each server has control groups of the weight that a Pod of ours has, where
//! this machine has them.

mod certificates;
mod group;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::geteuid;
use stanchion_bench_kit::child::Running;
use stanchion_bench_kit::output::progress;
use stanchion_rehearse::load::{Driver, Size};
use stanchion_rehearse::{Access, Password, Sysbench};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep, timeout};

use self::certificates::Certificates;
use self::group::Group;
use crate::place;

const SQL_LIMIT: Duration = Duration::from_secs(20);
const FOLLOW_LIMIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
/// A commit waits for an acknowledgement for as many milliseconds: a year.
const ACKNOWLEDGE_TIMEOUT: u64 = 31_536_000_000;
const APPLICATION: &str = "app";

/// How much of it is as ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What keeps acknowledged writes, and the defaults of MariaDB.
    ByHand,
    /// The other settings of ours, too.
    Alike,
    /// The same, and what is replicated is encrypted.
    Encrypted,
}

impl Kind {
    /// Returns what it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ByHand => "plain",
            Self::Alike => "plain, all settings of ours",
            Self::Encrypted => "plain, all settings of ours, encrypted",
        }
    }

    /// Returns a short name for files and groups.
    fn slug(self) -> &'static str {
        match self {
            Self::ByHand => "by-hand",
            Self::Alike => "alike",
            Self::Encrypted => "encrypted",
        }
    }

    /// Returns what stands in the options behind what all have.
    fn options(self) -> &'static str {
        match self {
            Self::ByHand => "",
            Self::Alike | Self::Encrypted => "binlog_annotate_row_events=OFF\n",
        }
    }
}

/// The running peer. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Plain {
    servers: Vec<Server>,
    access: Access,
    // Fields are dropped in order: what is left of the servers goes before what they were in.
    _group: Option<Group>,
}

#[derive(Debug)]
struct Server {
    process: Running,
    dir: PathBuf,
    address: SocketAddr,
    _groups: Option<[Group; 2]>,
}

impl Plain {
    /// Starts three servers.
    pub(crate) async fn start(dir: &Path, kind: Kind) -> Result<Self> {
        let encrypted = kind == Kind::Encrypted;
        let certificates = encrypted.then(|| Certificates::make(dir)).transpose()?;
        let [first, second, third] = place::addresses();
        let group = Group::for_all(kind.slug());
        if group.is_none() {
            progress(&format!(
                "{}: no control groups can be made here, so it shares processors as Pods do not",
                kind.name()
            ));
        }
        let mut servers = Vec::new();
        for (number, address) in [first, second, third].into_iter().enumerate() {
            let (dir, address) = (dir.join(number.to_string()), place::free(address)?);
            let mut more = kind.options().to_owned();
            more.extend(certificates.as_ref().map(Certificates::options));
            servers.push(Server::start(&dir, number + 1, address, group.as_ref(), &more).await?);
        }
        let (primary, replicas) = servers.split_first().context("there are three")?;
        let (password, replication) = (place::password(), place::password());
        let address = primary.address;
        let accounts = format!(
            "SET GLOBAL rpl_semi_sync_master_enabled = ON; SET SESSION sql_log_bin = 0; CREATE DATABASE {APPLICATION}; \
             CREATE USER {APPLICATION}@'%' IDENTIFIED BY '{password}'; GRANT ALL ON {APPLICATION}.* TO \
             {APPLICATION}@'%'; CREATE USER copy@'%' IDENTIFIED BY '{replication}' REQUIRE {}; GRANT REPLICATION SLAVE ON *.* TO \
             copy@'%';",
            if encrypted { "X509" } else { "NONE" }
        );
        primary.sql(&accounts).await?;
        for replica in replicas {
            let follow = format!(
                "SET SESSION sql_log_bin = 0; CREATE DATABASE {APPLICATION}; SET GLOBAL rpl_semi_sync_slave_enabled = \
                 ON; SET GLOBAL read_only = ON; CHANGE MASTER TO MASTER_HOST = '{}', MASTER_PORT = {}, MASTER_USER = \
                 'copy', MASTER_PASSWORD = '{replication}', MASTER_USE_GTID = slave_pos{}; START SLAVE;",
                place::host(address),
                address.port(),
                certificates.as_ref().map(Certificates::source).unwrap_or_default()
            );
            replica.sql(&follow).await?;
        }
        primary.followed(replicas.len()).await?;
        let access = Access {
            host: place::host(address),
            port: address.port(),
            user: APPLICATION.to_owned(),
            password: Password::new(password),
            database: APPLICATION.to_owned(),
        };
        Ok(Self { servers, access, _group: group })
    }

    pub(crate) fn load(&self, size: Size) -> Result<Sysbench> {
        Ok(Sysbench::new(Driver::Mysql, &self.access, size)?)
    }

    pub(crate) async fn stop(self) -> Result<()> {
        // A primary that ends after its replicas would wait for them.
        for server in self.servers {
            server.process.stop().await?;
        }
        Ok(())
    }
}

impl Server {
    async fn start(
        dir: &Path,
        number: usize,
        address: SocketAddr,
        all: Option<&Group>,
        more: &str,
    ) -> Result<Self> {
        fs::create_dir(dir)?;
        // A server that starts removes the temporary tables of all others in its directory for them.
        fs::create_dir(dir.join("tmp"))?;
        let file = dir.join("my.cnf");
        fs::write(&file, options(dir, number, address) + more)?;
        let mut install = tokio::process::Command::new("mariadb-install-db");
        install.arg(format!("--defaults-file={}", file.display()));
        install.args(["--auth-root-authentication-method=socket", "--skip-test-db", "--skip-name-resolve"]);
        install.arg(format!("--auth-root-socket-user={}", user()?)).kill_on_drop(true);
        let done = timeout(SQL_LIMIT, install.output()).await.context("mariadb-install-db")??;
        ensure!(done.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&done.stdout));
        let mut command = Command::new("mariadbd");
        command.arg(format!("--defaults-file={}", file.display()));
        let process = Running::start(command, dir.join("mariadbd.log"))?;
        let groups = all.map(|all| all.of(number, process.id())).transpose()?;
        let mut server = Self { process, dir: dir.to_owned(), address, _groups: groups };
        while server.sql("SELECT 1;").await.is_err() {
            server.process.wait().await.context("mariadbd")?;
        }
        Ok(server)
    }

    /// Runs statements over the socket, where the account is that of this process.
    async fn sql(&self, statements: &str) -> Result<String> {
        let mut command = tokio::process::Command::new("mariadb");
        command.args(["--no-defaults", "--batch", "--skip-column-names"]);
        command.arg(format!("--socket={}", self.dir.join("socket").display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut client = command.spawn()?;
        let mut stdin = client.stdin.take().context("it is piped")?;
        stdin.write_all(statements.as_bytes()).await?;
        drop(stdin);
        let output = timeout(SQL_LIMIT, client.wait_with_output()).await.context("mariadb is silent")??;
        ensure!(output.status.success(), "mariadb: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits until so many replicas acknowledge.
    async fn followed(&self, count: usize) -> Result<()> {
        let deadline = Instant::now() + FOLLOW_LIMIT;
        loop {
            let answer = self.sql("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients';").await?;
            if answer.split_whitespace().nth(1) == Some(&count.to_string()) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "not all replicas follow: {answer}");
            sleep(LOOK).await;
        }
    }
}

fn options(dir: &Path, number: usize, address: SocketAddr) -> String {
    let (host, port, dir) = (place::host(address), address.port(), dir.display());
    format!(
        "[mariadbd]\ndatadir={dir}/data\nsocket={dir}/socket\npid-file={dir}/pid\ntmpdir={dir}/tmp\nbind-address={host}\nport={port}\n\
         server_id={number}\nlog_bin=binlog\nrelay_log=relay\nlog_slave_updates=ON\nbinlog_format=ROW\nsync_binlog=1\n\
         innodb_flush_log_at_trx_commit=1\ninnodb_doublewrite=ON\ngtid_strict_mode=ON\nskip_slave_start=ON\n\
         skip_name_resolve=ON\nrpl_semi_sync_master_wait_point=AFTER_SYNC\nrpl_semi_sync_master_wait_no_slave=ON\n\
         rpl_semi_sync_master_timeout={ACKNOWLEDGE_TIMEOUT}\nslave_parallel_threads=8\nslave_parallel_mode=optimistic\n\
         innodb_buffer_pool_size=128M\ninnodb_log_file_size=64M\nmax_connections=200\nmax_binlog_size=256M\n\
         character_set_server=utf8mb4\n{}",
        if geteuid().is_root() { "user=root\n" } else { "" }
    )
}

/// Returns the name of the account of this process.
fn user() -> Result<String> {
    let number = geteuid().as_raw().to_string();
    let accounts = fs::read_to_string("/etc/passwd")?;
    let found = accounts.lines().find(|line| line.split(':').nth(2) == Some(&number));
    let name = found.and_then(|line| line.split(':').next());
    Ok(name.with_context(|| format!("there is no account {number}"))?.to_owned())
}
