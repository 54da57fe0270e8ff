//! What the agents of a database may do at the store: use its keys, and no others. On the embedded store by itself, on an etcd with
//! users as etcd keeps them.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::ground::Ground;
use crate::limit;
use crate::orders::Orders;
use crate::support::command::{self, Outcome, etcdctl, run, spawn, split, stanchion};
use crate::support::server::lasting_port;
use crate::support::{PATIENCE, within};

/// What etcd refuses to a user it refuses in these words, behind others that differ from call to call.
const DENIED: &str = "permission denied";

/// Runs etcdctl as whoever a certificate in `folder` is of.
async fn ctl_as(folder: &Path, name: &str, endpoint: &str, words: &str) -> Outcome {
    let file = |name: &str, kind: &str| folder.join(format!("{name}.{kind}"));
    let mut command = etcdctl(endpoint);
    command.arg("--cacert").arg(file("ca", "crt"));
    command.arg("--cert").arg(file(name, "crt")).arg("--key").arg(file(name, "key"));
    run(command.args(split(words))).await
}

/// Writes the certificates that the agents of `orders` have into a folder, under the name `agents`.
async fn agents_certificates(ground: &Ground, folder: &Path) {
    let secret = ground.kubectl("get secret orders-store -o json").await.done();
    let secret: Value = serde_json::from_str(&secret).expect("JSON");
    for (key, file) in [("ca.crt", "ca.crt"), ("tls.crt", "agents.crt"), ("tls.key", "agents.key")] {
        let text = secret["data"][key].as_str().expect("the Secret has it");
        fs::write(folder.join(file), STANDARD.decode(text).expect("base64")).expect("it can be written");
    }
}

/// Looks whether agents have their own keys, and no others.
async fn have_their_own_keys(folder: &Path, endpoint: &str) {
    let agents = async |words: &str| ctl_as(folder, "agents", endpoint, words).await;
    let own = agents("get --prefix --keys-only /stanchion/default/orders/").await.done();
    assert!(own.contains("/stanchion/default/orders/topology"), "{own}");
    for words in [
        "get --prefix /stanchion/",
        "get --prefix /stanchion/default/orders",
        "get /stanchion/manager",
        "put /stanchion/default/bills/topology x",
        "put /stanchion/default/orders2/health/x x",
        "del --prefix /stanchion/default/",
        "get --from-key /stanchion/default/orders/a",
        &format!("snapshot save {}", folder.join("snapshot").display()),
        "defrag",
    ] {
        let refused = agents(words).await;
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(refused.code != Some(0) && said.contains(DENIED), "{words}: {said}");
    }
}

#[tokio::test]
async fn agents_use_the_keys_of_their_database_alone() {
    within(limit(), async {
        let orders = Orders::start().await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        agents_certificates(&orders.ground, folder.path()).await;
        let config = orders.ground.kubectl("get configmap orders-agent -o json").await.done();
        let address = config.split("https://").nth(1).expect("agents reach the store over TLS");
        let address: String =
            address.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
        have_their_own_keys(folder.path(), &format!("https://{address}")).await;
    })
    .await;
}

/// An etcd over TLS whose clients show certificates, with users and roles switched on. It ends with this value.
struct Guarded {
    folder: TempDir,
    endpoint: String,
    _child: Child,
}

impl Guarded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = authority(folder.path());
        for (name, user) in [("server", ""), ("root", "root"), ("manager", "stanchion")] {
            sign(&authority, folder.path(), name, user);
        }
        let [client, peer] = [lasting_port(), lasting_port()];
        let (endpoint, peer) = (format!("https://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let file = |name: &str| folder.path().join(name);
        let mut command = command::etcd();
        command.arg("--data-dir").arg(file("data"));
        command.args(["--listen-client-urls", &endpoint, "--advertise-client-urls", &endpoint]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}"), "--client-cert-auth"]);
        command.arg("--cert-file").arg(file("server.crt")).arg("--key-file").arg(file("server.key"));
        command.arg("--trusted-ca-file").arg(file("ca.crt"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let guarded = Self { endpoint, _child: spawn(&mut command), folder };
        let deadline = Instant::now() + PATIENCE;
        while guarded.root("endpoint health").await.code != Some(0) {
            assert!(Instant::now() < deadline, "etcd does not become healthy");
            sleep(Duration::from_millis(100)).await;
        }
        // As docs/databases.md says.
        for words in [
            "user add root --no-password",
            "user grant-role root root",
            "role add stanchion",
            "role grant-permission stanchion --prefix=true readwrite /stanchion/",
            "user add stanchion --no-password",
            "user grant-role stanchion stanchion",
            "role add default/orders",
            "role grant-permission default/orders --prefix=true readwrite /stanchion/default/orders/",
            "user add default/orders --no-password",
            "user grant-role default/orders default/orders",
            "auth enable",
        ] {
            guarded.root(words).await.done();
        }
        guarded
    }

    async fn root(&self, words: &str) -> Outcome {
        ctl_as(self.folder.path(), "root", &self.endpoint, words).await
    }

    /// Starts a part of the program that keeps its state in this etcd.
    fn begin(&self, verb: &str, ground: &Ground) -> Child {
        let file = |name: &str| self.folder.path().join(name);
        let mut command = stanchion();
        command.kill_on_drop(true).args([verb, "--etcd-endpoints", &self.endpoint]);
        command.arg("--etcd-cacert").arg(file("ca.crt"));
        command.arg("--etcd-cert").arg(file("manager.crt")).arg("--etcd-key").arg(file("manager.key"));
        if verb == "operator" {
            command.args(["--run-as", "node"]).arg("--agent-etcd-authority").arg(file("ca.crt"));
            command.arg("--agent-etcd-authority-key").arg(file("ca.key"));
        }
        spawn(command.arg("--kubeconfig").arg(ground.kubeconfig()))
    }
}

fn authority(folder: &Path) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "etcd");
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    fs::write(folder.join("ca.crt"), authority.pem()).expect("it can be written");
    fs::write(folder.join("ca.key"), authority.key().serialize_pem()).expect("it can be written");
    authority
}

fn sign(authority: &CertifiedIssuer<'static, KeyPair>, folder: &Path, name: &str, user: &str) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    params.distinguished_name = DistinguishedName::new();
    if !user.is_empty() {
        params.distinguished_name.push(DnType::CommonName, user);
    }
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    fs::write(folder.join(format!("{name}.crt")), certificate.pem()).expect("it can be written");
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).expect("it can be written");
}

#[tokio::test]
async fn an_etcd_with_users_takes_each_databases_agents_as_one() {
    within(limit(), async {
        let (etcd, ground) = (Guarded::start().await, Ground::start(&["--no-databases"]).await);
        ground.install_databases().await;
        let (_operator, _manager) = (etcd.begin("operator", &ground), etcd.begin("ha", &ground));
        let orders = Orders::on(ground).await;
        agents_certificates(&orders.ground, etcd.folder.path()).await;
        have_their_own_keys(etcd.folder.path(), &etcd.endpoint).await;
        // What they may is enough for a failover.
        let primary = orders.primary().await;
        let mut writer = orders.writer().await;
        let since = writer.mark("SIGKILL of the database");
        orders.database(&primary).kill().expect("it can be killed");
        orders.writes_again(&mut writer, since).await;
        orders.nothing_lost(writer).await;
        orders.well("after the failover").await;
    })
    .await;
}
