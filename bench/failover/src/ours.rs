//! Ours: `stanchion up`, started here, and a `DatabaseCluster` of three instances in it.

mod home;
mod pods;
mod view;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use stanchion_rehearse::load::Driver;
use stanchion_rehearse::{Access, MariaDb, Victims};
use tokio::time::{Instant, sleep};

use self::home::Home;
use self::view::View;
use crate::case::Case;
use crate::round::HEALTHY_LIMIT;
use crate::subject::Subject;

const NAMESPACE: &str = "default";
const INSTANCES: usize = 3;
/// How often the cluster is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(50);
const SWITCHOVER_LIMIT: Duration = Duration::from_mins(1);

/// The running subject. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Ours {
    home: Home,
    name: String,
    access: Access,
    /// How often a switchover was asked for.
    asked: u64,
    /// The Pod whose processes were killed.
    killed: Option<String>,
}

impl Ours {
    /// Starts it; `spec` stands in place of what the spec would say.
    pub(crate) async fn start(program: &Path, dir: &Path, spec: Option<&Map<String, Value>>) -> Result<Self> {
        let home = Home::start(program, dir).await?;
        // Pods are told from those of other clusters on this machine by their names.
        let name = format!("bench{}", std::process::id());
        home.create(&collection(), &manifest(&name, spec)).await?;
        whole(&home, &name, HEALTHY_LIMIT).await.context("after the start")?;
        let access = view::access(&home, NAMESPACE, &name).await?;
        Ok(Self { home, name, access, asked: 0, killed: None })
    }

    /// Returns how to reach the primary at its own address, as plain is reached.
    pub(crate) async fn direct(&self) -> Result<Access> {
        let primary = self.view().await?.primary()?;
        let pod = self.home.get(&format!("/api/v1/namespaces/{NAMESPACE}/pods/{primary}")).await?;
        let host = pod["status"]["podIP"].as_str().context("the primary's Pod has no address")?;
        Ok(Access { host: host.to_owned(), ..self.access.clone() })
    }

    async fn view(&self) -> Result<View> {
        View::of(&self.home, &object(&self.name)).await
    }
}

impl Subject for Ours {
    type Target = MariaDb;

    fn access(&self) -> &Access {
        &self.access
    }

    fn driver(&self) -> Driver {
        Driver::Mysql
    }

    fn target(&self) -> MariaDb {
        MariaDb::new(&self.access)
    }

    async fn healthy(&mut self, within: Duration) -> Result<()> {
        whole(&self.home, &self.name, within).await
    }

    async fn victims(&mut self, case: Case) -> Result<Victims> {
        let primary = self.view().await?.primary()?;
        let all = pods::processes(NAMESPACE, &primary)?;
        match case {
            Case::Killed => pods::database(&all),
            Case::NodeKilled => {
                self.killed = Some(primary);
                Ok(all)
            }
            Case::Frozen => Ok(all),
            Case::Switchover => bail!("nobody suffers in a switchover"),
        }
    }

    async fn switch_over(&mut self) -> Result<()> {
        self.asked += 1;
        let id = format!("bench-{}", self.asked);
        let operation = json!({"id": id, "kind": "switchover"}).to_string();
        let annotations = json!({"stanchion.dev/operation": operation});
        let patch = json!({"metadata": {"annotations": annotations}});
        self.home.merge(&object(&self.name), &patch).await?;
        let deadline = Instant::now() + SWITCHOVER_LIMIT;
        loop {
            match self.view().await?.operation(&id)? {
                None => {}
                Some(Ok(())) => return Ok(()),
                Some(Err(why)) => bail!("the switchover failed: {why}"),
            }
            ensure!(Instant::now() < deadline, "the switchover takes longer than {SWITCHOVER_LIMIT:?}");
            sleep(LOOK).await;
        }
    }

    /// The node starts what was killed, a Pod that was killed often only after minutes: another one is made in its place.
    async fn heal(&mut self) -> Result<()> {
        let Some(killed) = self.killed.take() else { return Ok(()) };
        self.home.delete(&format!("/api/v1/namespaces/{NAMESPACE}/pods/{killed}?gracePeriodSeconds=0")).await
    }

    async fn stop(self) -> Result<()> {
        self.home.stop().await
    }
}

async fn whole(home: &Home, name: &str, within: Duration) -> Result<()> {
    let deadline = Instant::now() + within;
    loop {
        let view = View::of(home, &object(name)).await;
        if view.as_ref().is_ok_and(|view| view.is_whole(INSTANCES)) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the cluster is not whole within {within:?}: {view:?}");
        sleep(LOOK).await;
    }
}

fn collection() -> String {
    format!("/apis/stanchion.dev/v1alpha1/namespaces/{NAMESPACE}/databaseclusters")
}

fn object(name: &str) -> String {
    format!("{}/{name}", collection())
}

/// All instances are on one machine, which is the only node there.
fn manifest(name: &str, fields: Option<&Map<String, Value>>) -> Value {
    let mut manifest = json!({
        "apiVersion": "stanchion.dev/v1alpha1",
        "kind": "DatabaseCluster",
        "metadata": {"name": name},
        "spec": {
            "instances": INSTANCES,
            "storage": {"size": "2Gi"},
            "placement": {"antiAffinity": "Preferred"},
            "deletionPolicy": "Delete",
        },
    });
    for (name, value) in fields.into_iter().flatten() {
        manifest["spec"][name] = value.clone();
    }
    manifest
}
