//! Servers of a test: made once for each build, copied for each server, ended with the test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use stanchion_engine::mariadb::{
    Config, Instance, Layout, Password, Process, Recovery, ReplicationAccounts, Source, Tls, initialize,
    replication_user,
};
use stanchion_ha_core::{Position, ServerId};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(250);

pub(crate) fn accounts() -> ReplicationAccounts {
    let servers = BTreeSet::from([ServerId(1), ServerId(2), ServerId(3)]);
    ReplicationAccounts { servers, password: Password::new("it's a \\secret"), certificate: false }
}

/// A data directory that servers are copied from: made by the first test of a build, kept until the next build.
async fn template() -> Result<Layout> {
    let built =
        std::env::current_exe()?.metadata()?.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    let all = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mariadb");
    std::fs::create_dir_all(&all)?;
    let lock = std::fs::File::create(all.join("lock"))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
    let layout = Layout::new(all.join(built.to_string()));
    if !layout.data().exists() {
        for old in std::fs::read_dir(&all)? {
            let old = old?.path();
            if old.is_dir() {
                std::fs::remove_dir_all(old)?;
            }
        }
        std::fs::create_dir(layout.root())?;
        initialize(&layout, &accounts()).await?;
    }
    Ok(layout)
}

/// Returns an address that nobody listens at. The host is the process's own, so that no other test is in its way.
pub(crate) fn free_address() -> Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let [high, low] = u16::try_from(std::process::id() % 65_000)?.to_be_bytes();
    let host = IpAddr::V4(Ipv4Addr::new(127, 77, high, low));
    for _ in 0..1000 {
        let address = SocketAddr::new(host, NEXT.fetch_add(1, Ordering::Relaxed));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    anyhow::bail!("no free port at {host}")
}

/// A server and its files.
pub(crate) struct Server {
    pub(crate) layout: Layout,
    pub(crate) config: Config,
    pub(crate) instance: Instance,
    process: Option<Process>,
    log: PathBuf,
    _directory: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &self.process
            && process.ended().borrow().is_none()
            && let Some(id) = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            // The runtime that would do it may be about to end.
            rustix::process::kill_process(id, rustix::process::Signal::KILL)
                .expect("it is ours, and not waited for");
            // Its files can be removed when it is gone. Somebody else may have seen it go; then it is.
            let seen = rustix::process::waitpid(Some(id), rustix::process::WaitOptions::empty());
            assert!(matches!(seen, Ok(_) | Err(rustix::io::Errno::CHILD)));
        }
    }
}

impl Server {
    pub(crate) async fn new(number: u32) -> Result<Self> {
        Self::with(number, &[]).await
    }

    pub(crate) async fn with(number: u32, parameters: &[(&str, &str)]) -> Result<Self> {
        let server = Self::empty(number, parameters)?;
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .arg(template().await?.data())
            .arg(server.layout.data())
            .status()?;
        ensure!(copied.success());
        Ok(server)
    }

    /// A server without a data directory.
    pub(crate) fn empty(number: u32, parameters: &[(&str, &str)]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let layout = Layout::new(directory.path());
        let small = [
            ("innodb_buffer_pool_size", "16M"),
            ("innodb_log_file_size", "16M"),
            ("performance_schema", "OFF"),
        ];
        let parameters: BTreeMap<_, _> = small
            .iter()
            .chain(parameters)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = Config::new(ServerId(number), free_address()?, None, &parameters)?;
        let instance = Instance::new(&layout);
        let log = directory.path().join("test.log");
        Ok(Self { layout, config, instance, process: None, log, _directory: directory })
    }

    /// Gives it certificates, for its next start.
    pub(crate) fn use_tls(&mut self, tls: Tls) -> Result<()> {
        let (server, address) = (self.config.server(), self.config.address());
        self.config = Config::new(server, address, Some(tls), &BTreeMap::new())?;
        Ok(())
    }

    pub(crate) async fn start(&mut self, recovery: Recovery) -> Result<()> {
        let (log, mut lines) = mpsc::channel(1024);
        let process = Process::start(&self.layout, &self.config, recovery, log).await?;
        let path = self.log.clone();
        tokio::spawn(async move {
            use std::io::Write as _;
            let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) else {
                return;
            };
            while let Some(line) = lines.recv().await {
                if writeln!(file, "{line}").is_err() {
                    return;
                }
            }
        });
        self.process = Some(process);
        self.process().ready(&self.instance, DEADLINE).await.with_context(|| self.logged())?;
        Ok(())
    }

    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().expect("the test has started it")
    }

    /// What it has logged, for a test that fails.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) async fn primary(number: u32) -> Result<Self> {
        let mut server = Self::new(number).await?;
        server.start(Recovery::Keep).await?;
        server.instance.promote(false).await?;
        server.instance.set_writable().await?;
        Ok(server)
    }

    /// Starts a replica.
    pub(crate) async fn replica(number: u32, of: &Self, acknowledge: bool) -> Result<Self> {
        let mut server = Self::new(number).await?;
        server.start(Recovery::Keep).await?;
        server.follow(of, acknowledge).await?;
        Ok(server)
    }

    pub(crate) async fn follow(&self, primary: &Self, acknowledge: bool) -> Result<()> {
        self.instance.follow(&self.source(primary), acknowledge).await?;
        until("it receives", || async {
            let replication = self.instance.replication().await?.context("no replication")?;
            let on = replication.receiving == stanchion_engine::mariadb::Receiving::On;
            Ok(on && replication.acknowledging == acknowledge)
        })
        .await
        .with_context(|| self.logged())
    }

    pub(crate) fn source(&self, primary: &Self) -> Source {
        Source {
            address: primary.config.address(),
            user: replication_user(self.config.server()),
            password: accounts().password,
            tls: None,
            heartbeat: HEARTBEAT,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client { socket: self.layout.socket(), user: "root".to_owned() }
    }

    pub(crate) async fn sql(&self, statement: &str) -> Result<String> {
        self.client().sql(statement).await
    }

    pub(crate) async fn reaches(&self, position: Position) -> Result<()> {
        until("it has applied", || async { Ok(self.instance.check().await?.replicated.reaches(position)) })
            .await
            .with_context(|| self.logged())
    }
}

/// Who signs the certificates of a cluster.
pub(crate) struct Authority {
    directory: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        std::fs::write(directory.path().join("ca.crt"), issuer.pem())?;
        Ok(Self { directory, issuer })
    }

    pub(crate) fn issue(&self, name: &str) -> Result<Tls> {
        let path = |what: &str| self.directory.path().join(format!("{name}.{what}"));
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![format!("{name}.test")])?;
        // One of the same name as its authority is taken for one that signed itself.
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer)?;
        std::fs::write(path("crt"), certificate.pem())?;
        std::fs::write(path("key"), key.serialize_pem())?;
        Ok(Tls { ca: self.directory.path().join("ca.crt"), certificate: path("crt"), key: path("key") })
    }
}

/// The command line client, as somebody else.
#[derive(Clone)]
pub(crate) struct Client {
    socket: PathBuf,
    user: String,
}

impl Client {
    /// The same as another user.
    pub(crate) fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// The same for a task of its own.
    pub(crate) async fn sql_owned(self, statement: &'static str) -> Result<String> {
        self.sql(statement).await
    }

    pub(crate) async fn sql(&self, statement: &str) -> Result<String> {
        let output = tokio::process::Command::new("mariadb")
            .args(["--no-defaults", "--batch", "--skip-column-names", "-e", statement])
            .arg(format!("--user={}", self.user))
            .arg(format!("--socket={}", self.socket.display()))
            .kill_on_drop(true)
            .output()
            .await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// Stops a process of a server, and waits until it stands still: a signal takes its time.
pub(crate) async fn freeze(process: &Process) -> Result<Pid> {
    let id = Pid::from_raw(i32::try_from(process.id())?).context("it runs")?;
    kill_process(id, Signal::STOP)?;
    let tasks = format!("/proc/{}/task", process.id());
    until("all its threads are stopped", || async {
        let mut stopped = true;
        for task in std::fs::read_dir(&tasks)? {
            let status = std::fs::read_to_string(task?.path().join("status"))?;
            stopped &= status.contains("State:\tT");
        }
        Ok(stopped)
    })
    .await?;
    Ok(id)
}

/// Waits for a condition.
pub(crate) async fn until<F>(what: &str, mut holds: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let end = Instant::now() + DEADLINE;
    loop {
        if holds().await? {
            return Ok(());
        }
        ensure!(Instant::now() < end, "it has not come about: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
