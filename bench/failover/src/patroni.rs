//! The peer: three PostgreSQL under Patroni, one etcd, and `HAProxy` before them as Patroni's documentation shows it.

mod etcd;
mod node;
mod proxy;
mod view;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use stanchion_bench_kit::child::Running;
use stanchion_rehearse::load::Driver;
use stanchion_rehearse::{Access, Password, Target as _, Victims};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use self::node::{Account, Node, Plan};
use self::view::View;
use crate::case::Case;
use crate::place;
use crate::postgres::Postgres;
use crate::round::HEALTHY_LIMIT;
use crate::subject::Subject;

/// How often the cluster is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(100);
const SWITCHOVER_LIMIT: Duration = Duration::from_mins(1);
/// How Patroni calls the cluster.
const SCOPE: &str = "bench";
/// Applications' database and account.
const APPLICATION: &str = "app";

/// How quick Patroni and `HAProxy` are told to be; times in seconds.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    ttl: u32,
    loop_wait: u32,
    retry_timeout: u32,
    primary_start_timeout: u32,
    /// When `HAProxy` takes a server for gone, or back.
    check: &'static str,
    check_timeout: &'static str,
}

pub(crate) const DEFAULTS: Profile = Profile {
    name: "patroni",
    ttl: 30,
    loop_wait: 10,
    retry_timeout: 10,
    primary_start_timeout: 300,
    check: "inter 3s fall 3 rise 2",
    check_timeout: "5s",
};

/// The least values that Patroni takes, and nothing to wait for a crashed primary.
pub(crate) const FASTEST: Profile = Profile {
    name: "patroni-fastest",
    ttl: 20,
    loop_wait: 1,
    retry_timeout: 3,
    primary_start_timeout: 0,
    check: "inter 200ms fall 2 rise 1",
    check_timeout: "1s",
};

/// The running peer. Fields are dropped in order: whoever would start others again, first.
#[derive(Debug)]
pub(crate) struct Patroni {
    proxy: Running,
    nodes: Vec<Node>,
    etcd: Running,
    access: Access,
    /// Which node was killed as a whole.
    killed: Option<usize>,
}

impl Patroni {
    pub(crate) async fn start(profile: &Profile, dir: &Path) -> Result<Self> {
        // Its processes have a user of their own, who must get through to their directories.
        fs::set_permissions(dir, Permissions::from_mode(0o711))?;
        let [first, second, third, etcd_address, proxy_address] = place::addresses();
        let (etcd, etcd_client) = etcd::start(dir, etcd_address).await?;
        let (superuser, replication, password) = (place::password(), place::password(), place::password());
        let account = Account::look()?;
        let mut nodes = Vec::new();
        for (name, address) in [("a", first), ("b", second), ("c", third)] {
            let plan =
                Plan { name, address, etcd: etcd_client, superuser: &superuser, replication: &replication };
            nodes.push(Node::start(&plan, profile, dir, account)?);
        }
        let (proxy, proxy_socket) = proxy::start(dir, proxy_address, profile, &nodes)?;
        let access = Access {
            host: place::host(proxy_socket),
            port: proxy_socket.port(),
            user: APPLICATION.to_owned(),
            password: Password::new(password),
            database: APPLICATION.to_owned(),
        };
        let mut started = Self { proxy, nodes, etcd, access, killed: None };
        started.healthy(HEALTHY_LIMIT).await.context("after the start")?;
        started.furnish(superuser).await?;
        Ok(started)
    }

    /// Creates the account and the database of applications.
    async fn furnish(&mut self, superuser: String) -> Result<()> {
        let leader = self.view().await?.leader().context("nobody leads")?;
        let address = self.node(&leader)?.database();
        let target = Postgres::new(&Access {
            host: place::host(address),
            port: address.port(),
            user: node::SUPERUSER.to_owned(),
            password: Password::new(superuser),
            database: "postgres".to_owned(),
        });
        let mut session = target.connect().await?;
        let password = self.access.password.expose();
        session.execute(&format!("CREATE ROLE {APPLICATION} LOGIN PASSWORD '{password}'")).await?;
        session.execute(&format!("CREATE DATABASE {APPLICATION} OWNER {APPLICATION}")).await?;
        Ok(())
    }

    /// Asks the nodes one after the other; the first that answers is believed.
    async fn view(&self) -> Result<View> {
        let mut failure = None;
        for node in &self.nodes {
            match View::of(node.rest()).await {
                Ok(view) => return Ok(view),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.context("there are no nodes")?).context("no node answers")
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.nodes
            .iter()
            .position(|node| node.name() == name)
            .with_context(|| format!("no node is called {name}"))
    }

    fn node(&self, name: &str) -> Result<&Node> {
        Ok(&self.nodes[self.index(name)?])
    }
}

impl Subject for Patroni {
    type Target = Postgres;

    fn access(&self) -> &Access {
        &self.access
    }

    fn driver(&self) -> Driver {
        Driver::Pgsql
    }

    fn target(&self) -> Postgres {
        Postgres::new(&self.access)
    }

    async fn healthy(&mut self, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let view = self.view().await;
            if view.as_ref().is_ok_and(|view| view.is_whole(self.nodes.len())) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "Patroni's cluster is not whole within {within:?}: {view:?}");
            for node in &mut self.nodes {
                node.running().await?;
            }
            sleep(LOOK).await;
        }
    }

    async fn victims(&mut self, case: Case) -> Result<Victims> {
        let leader = self.view().await?.leader().context("nobody leads")?;
        let index = self.index(&leader)?;
        let node = &self.nodes[index];
        let pids = match case {
            Case::Killed => vec![node.postmaster()?],
            Case::NodeKilled | Case::Frozen => vec![node.manager()?, node.postmaster()?],
            Case::Switchover => bail!("nobody suffers in a switchover"),
        };
        if case == Case::NodeKilled {
            self.killed = Some(index);
        }
        Ok(Victims::with_descendants(&pids)?)
    }

    async fn switch_over(&mut self) -> Result<()> {
        let view = self.view().await?;
        let leader = view.leader().context("nobody leads")?;
        let candidate = view.synchronous().context("nobody is synchronous")?;
        let mut command = Command::new("patronictl");
        command.arg("-c").arg(self.node(&leader)?.config()).args(["switchover", SCOPE, "--force"]);
        command.args(["--leader", &leader, "--candidate", &candidate]).kill_on_drop(true);
        let output =
            tokio::time::timeout(SWITCHOVER_LIMIT, command.output()).await.context("patronictl")??;
        let says = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success() && says.contains("Successfully"),
            "patronictl switchover: {says} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    async fn heal(&mut self) -> Result<()> {
        if let Some(index) = self.killed.take() {
            self.nodes[index].restart()?;
        }
        Ok(())
    }

    async fn stop(self) -> Result<()> {
        self.proxy.stop().await?;
        drop(self.nodes);
        self.etcd.stop().await
    }
}
