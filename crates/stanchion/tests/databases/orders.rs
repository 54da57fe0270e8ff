//! A cluster of MariaDB on the embedded Kubernetes, its processes, and what must hold of it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use stanchion_rehearse::{Access, MariaDb, Pace, Password, Record, Victims, Writer, clear, verify};

use crate::ground::Ground;
use crate::support::machine;

/// What is applied.
pub(crate) const MANIFEST: &str = r"
apiVersion: stanchion.dev/v1alpha1
kind: DatabaseCluster
metadata: {name: orders}
spec:
  engine: {kind: MariaDB, parameters: {innodb_buffer_pool_size: 64M}}
  instances: 3
  storage: {size: 1Gi}
  placement: {antiAffinity: Preferred}
";
/// How long a cluster may take to be well after a fault.
const HEALING: Duration = Duration::from_secs(90);
/// Rows that a writer has written before something is broken.
const STEADY: u64 = 30;
/// For so long no row may fail before writes count as restored.
const QUIET: Duration = Duration::from_millis(700);

/// A cluster of databases.
pub(crate) struct Orders {
    pub(crate) ground: Ground,
}

impl Orders {
    /// Starts a cluster on the embedded Kubernetes, and waits until it is ready.
    pub(crate) async fn start() -> Self {
        Self::on(Ground::start(&[]).await).await
    }

    /// Applies the manifest, and waits until the cluster is ready.
    pub(crate) async fn on(ground: Ground) -> Self {
        ground.apply(MANIFEST).await;
        let orders = Self { ground };
        orders.well("orders is not ready").await;
        orders
    }

    /// Begins to write rows through the Service of the primary.
    pub(crate) async fn writer(&self) -> Writer {
        let target = MariaDb::new(&self.access().await);
        let mut writer = Writer::start(target, Pace::default(), HEALING).await.expect("a writer");
        writer.steady(STEADY, HEALING).await.expect("a cluster that is well takes writes");
        writer
    }

    /// Returns how an application reaches the primary.
    async fn access(&self) -> Access {
        let secret = self.ground.kubectl("get secret orders-credentials -o json").await.done();
        let secret: Value = serde_json::from_str(&secret).expect("JSON");
        let field = |name: &str| {
            let value = secret["data"][name].as_str().expect("the Secret has it");
            String::from_utf8(STANDARD.decode(value).expect("base64")).expect("text")
        };
        // The tests do not resolve names of the cluster.
        let host = self.ground.field("service/orders-primary", ".spec.clusterIP").await;
        Access {
            host,
            port: field("port").parse().expect("a port"),
            user: field("user"),
            password: Password::new(field("password")),
            database: field("database"),
        }
    }

    /// Waits until rows are written again without a failure.
    pub(crate) async fn writes_again(&self, writer: &mut Writer, since: tokio::time::Instant) {
        if let Err(error) = writer.recovered(since, QUIET, HEALING).await {
            panic!("{error}\n{}", self.state().await);
        }
    }

    /// Ends a writer and looks whether everything that was acknowledged is there, once.
    pub(crate) async fn nothing_lost(&self, writer: Writer) -> Record {
        let run = writer.run();
        let record = writer.stop().await.expect("the writer's record");
        let target = MariaDb::new(&self.access().await);
        let verdict = verify(&target, &record, HEALING).await.expect("the rows can be read");
        let state = if verdict.is_clean() { String::new() } else { self.state().await };
        assert!(verdict.is_clean(), "{verdict:?}\n{state}");
        assert!(verdict.acknowledged > 0, "{verdict:?}");
        clear(&target, run, HEALING).await.expect("the rows can be taken away");
        record
    }

    /// Panics unless everything is there that a writer saw acknowledged.
    pub(crate) async fn holds(&self, record: &Record) {
        let verdict = verify(&MariaDb::new(&self.access().await), record, HEALING).await;
        let verdict = verdict.expect("the rows can be read");
        assert!(verdict.is_clean() && verdict.acknowledged > 0, "{verdict:?}");
    }

    /// Waits until the cluster is ready, all instances may acknowledge or write, and just one is writable.
    pub(crate) async fn well(&self, what: &str) {
        let mut last = String::new();
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < HEALING {
            match self.ill().await {
                None => return,
                Some(why) => last = why,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{what}: {last}\n{}", self.state().await);
    }

    /// Returns why the cluster is not well.
    async fn ill(&self) -> Option<String> {
        let status = self.status().await;
        let ha = &status["ha"];
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
        if !ready || ha["stage"] != "Serving" {
            return Some(format!("it is not ready: {conditions:?}"));
        }
        let desired =
            status["instances"]["desired"].as_u64().and_then(|desired| usize::try_from(desired).ok());
        let Some(desired) = desired else { return Some("its status has no instances".to_owned()) };
        let members = ha["syncSet"].as_array().map_or(0, Vec::len);
        if members + 1 != desired {
            return Some(format!("{members} may acknowledge, of {desired} instances"));
        }
        let mut writable = Vec::new();
        for name in (0..desired).map(|ordinal| format!("orders-{ordinal}")) {
            match self.sql(&name, "SELECT @@global.read_only").await.as_deref() {
                Some("0") => writable.push(name),
                Some("1") => {}
                other => return Some(format!("{name} says {other:?}")),
            }
        }
        (writable != [ha["primary"].as_str().unwrap_or_default()])
            .then(|| format!("{writable:?} can be written to, and the primary is {}", ha["primary"]))
    }

    /// Carries out a statement inside an instance.
    pub(crate) async fn sql(&self, instance: &str, statement: &str) -> Option<String> {
        let words = format!(
            "exec {instance} -c mariadb -- mariadb --socket /var/lib/mysql/mariadb.sock --batch --skip-column-names -e '{statement}'"
        );
        let outcome = self.ground.kubectl(&words).await;
        (outcome.code == Some(0)).then(|| outcome.stdout.trim().to_owned())
    }

    /// Returns the status of the cluster.
    pub(crate) async fn status(&self) -> Value {
        let object = self.ground.kubectl("get dbc orders -o json").await.done();
        let object: Value = serde_json::from_str(&object).expect("JSON");
        object["status"].clone()
    }

    /// Returns who is primary.
    pub(crate) async fn primary(&self) -> String {
        self.status().await["ha"]["primary"].as_str().expect("there is a primary").to_owned()
    }

    /// Returns the instances that are not primary.
    pub(crate) async fn replicas(&self) -> Vec<String> {
        let primary = self.primary().await;
        (0..3).map(|ordinal| format!("orders-{ordinal}")).filter(|name| *name != primary).collect()
    }

    /// Waits until somebody else is primary.
    pub(crate) async fn primary_changes(&self, from: &str) {
        let changed = async || {
            let status = self.status().await;
            let primary = status["ha"]["primary"].as_str().unwrap_or_default().to_owned();
            primary != from && status["ha"]["stage"] == "Serving"
        };
        let begun = tokio::time::Instant::now();
        while !changed().await {
            assert!(begun.elapsed() < HEALING, "nobody else became primary\n{}", self.state().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Takes hold of the database of an instance.
    pub(crate) fn database(&self, instance: &str) -> Victims {
        let pids = self.processes(instance).into_iter().filter(|pid| machine::comm(*pid) == "mariadbd");
        let victims = Victims::open(pids).expect("processes can be held");
        assert!(!victims.is_empty(), "{instance} has no database");
        victims
    }

    /// Takes hold of the whole container of an instance: agent and database.
    pub(crate) fn container(&self, instance: &str) -> Victims {
        let victims = Victims::open(self.processes(instance)).expect("processes can be held");
        assert!(victims.iter().count() >= 2, "{instance} has no agent or no database: {victims}");
        victims
    }

    /// Returns the processes of an instance's container, by the environment that the agent was given.
    fn processes(&self, instance: &str) -> Vec<u32> {
        let directory = self.ground.data_dir();
        machine::with_environment(&format!("POD_NAME={instance}"))
            .into_iter()
            .filter(|pid| machine::is_below(*pid, &directory))
            .collect()
    }

    /// Describes everything, for a test that failed.
    pub(crate) async fn state(&self) -> String {
        let mut told = self.ground.kubectl("get dbc,pods,endpointslices -o wide").await.stdout;
        told += &serde_json::to_string_pretty(&self.status().await["ha"]).unwrap_or_default();
        for name in (0..3).map(|ordinal| format!("orders-{ordinal}")) {
            let log = self.ground.kubectl(&format!("logs {name} -c mariadb --tail=40")).await;
            for part in ["\n--- ", &name, "\n", &log.stdout, &log.stderr] {
                told += part;
            }
        }
        told + "\n--- cluster\n" + &self.ground.log_tail()
    }
}
