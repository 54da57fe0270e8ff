//! Renewal of the certificates that kubeadm makes, made with openssl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::command::{Outcome, run, signal, spawn, stanchion};
use crate::support::server::{folder, lasting_port};
use crate::support::{http, wait_for, within};

/// What kubeadm has of each leaf.
const EXTENSIONS: &str = "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\n\
                          basicConstraints=critical,CA:FALSE\nauthorityKeyIdentifier=keyid\n\
                          subjectAltName=DNS:kubernetes.default.svc,IP:10.96.0.1\n";

/// How openssl signs with times of one's choice.
const SIGNING: &str = "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nunique_subject=no\nnew_certs_dir=COPIES\npolicy=any\n\
                       [any]\norganizationName=optional\ncommonName=supplied\n";

/// A directory as kubeadm makes it, with an authority for the API and one for etcd; and one for copies that openssl makes.
struct Kubeadm(TempDir, TempDir);

impl Kubeadm {
    async fn make() -> Self {
        let made = Self(folder(), folder());
        fs::create_dir_all(made.path("pki/etcd")).expect("directories");
        let signing = SIGNING.replace("COPIES", &made.1.path().display().to_string());
        for (name, text) in
            [("ext", EXTENSIONS), ("ca.cnf", &signing), ("index.txt", ""), ("serial", "1000\n")]
        {
            fs::write(made.path(name), text).expect("it is written");
        }
        for (directory, name) in [("pki", "kubernetes"), ("pki/etcd", "etcd-ca")] {
            let words = format!(
                "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN={name} -addext keyUsage=critical,keyCertSign,cRLSign \
                 -keyout {directory}/ca.key -out {directory}/ca.crt"
            );
            made.openssl(&words).await.done();
        }
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn openssl(&self, words: &str) -> Outcome {
        let mut command = Command::new("openssl");
        run(command.current_dir(self.0.path()).args(words.split_whitespace())).await
    }

    /// Makes a leaf of an authority in its directory, which ended yesterday.
    async fn leaf(&self, directory: &str, name: &str, key: &str) {
        let at = format!("{directory}/{name}");
        let words = format!(
            "req -newkey {key} -nodes -subj /O=system:masters/O=kubeadm/CN={name} -keyout {at}.key -out {name}.csr"
        );
        self.openssl(&words).await.done();
        let words = format!(
            "ca -batch -config ca.cnf -notext -preserveDN -md sha256 -in {name}.csr -cert {directory}/ca.crt -keyfile \
             {directory}/ca.key -startdate 20250101000000Z -enddate 20260101000000Z -extfile ext -out {at}.crt"
        );
        self.openssl(&words).await.done();
    }

    /// Embeds a leaf in a kubeconfig.
    fn embed(&self, file: &str, leaf: &str) {
        use base64::Engine as _;
        let data =
            |path: PathBuf| base64::engine::general_purpose::STANDARD.encode(fs::read(path).expect("a file"));
        let config = format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{server: 'https://x', certificate-authority-data: {}}}\n\
             contexts: []\nusers:\n- name: someone\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n",
            data(self.path("pki/ca.crt")),
            data(self.path(&format!("{leaf}.crt"))),
            data(self.path(&format!("{leaf}.key"))),
        );
        fs::write(self.path(file), config).expect("it is written");
        for end in ["crt", "key"] {
            fs::remove_file(self.path(&format!("{leaf}.{end}"))).expect("it goes");
        }
    }

    async fn fix(&self, words: &[&str]) -> Outcome {
        fix(self.0.path(), words).await
    }

    /// Returns what openssl says of a certificate.
    async fn said(&self, name: &str, what: &str) -> String {
        self.openssl(&format!("x509 -in {name} -noout {what}")).await.done()
    }
}

async fn fix(directory: &Path, words: &[&str]) -> Outcome {
    let mut command = stanchion();
    command.args(["doctor", "fix", "certs/expiry", "--cert-dir"]).arg(directory).args(words);
    run(&mut command).await
}

/// Returns all files below a directory with what is in them.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.clone(), fs::read(&path).expect("a file")));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn expired_leaves_are_made_anew_and_openssl_agrees() {
    let made = Kubeadm::make().await;
    made.leaf("pki", "apiserver", "rsa:2048").await;
    made.leaf("pki/etcd", "server", "ec -pkeyopt ec_paramgen_curve:P-256").await;
    made.leaf("pki", "admin", "rsa:2048").await;
    made.embed("admin.conf", "pki/admin");
    made.leaf("pki", "kubelet", "rsa:2048").await;
    made.embed("kubelet.conf", "pki/kubelet");
    let what = "-subject -issuer -ext subjectAltName,keyUsage,extendedKeyUsage,basicConstraints,authorityKeyIdentifier";
    let before = [made.said("pki/apiserver.crt", what).await, made.said("pki/etcd/server.crt", what).await];
    let shown = made.fix(&[]).await;
    let plan = shown.clone().done();
    for part in [
        "with the key that it has",
        "with a new key",
        "admin.conf, user someone",
        "the kubelet makes its certificates anew",
    ] {
        assert!(plan.contains(part), "{part:?} is not in:\n{plan}");
    }
    assert!(shown.stderr.contains("nothing was done"), "{shown:?}");
    // What the kubelet does itself is left, and that is told.
    let said = made.fix(&["--yes"]).await.failed(3);
    assert!(
        said.contains("kube-apiserver has to be restarted") && said.contains("etcd has to be restarted"),
        "{said}"
    );
    assert!(said.contains("copies of") && said.contains("1 of what was found is left as it was"), "{said}");
    for (leaf, directory) in [("pki/apiserver", "pki"), ("pki/etcd/server", "pki/etcd")] {
        made.openssl(&format!("verify -x509_strict -CAfile {directory}/ca.crt {leaf}.crt")).await.done();
        let of_key = made.openssl(&format!("pkey -in {leaf}.key -pubout")).await.done();
        assert_eq!(made.said(&format!("{leaf}.crt"), "-pubkey").await, of_key, "key and certificate match");
        made.openssl(&format!("x509 -in {leaf}.crt -noout -checkend 31000000")).await.done();
    }
    let after = [made.said("pki/apiserver.crt", what).await, made.said("pki/etcd/server.crt", what).await];
    assert_eq!(after, before, "names and uses are the same");
    let again = made.fix(&["--yes"]).await.failed(3);
    assert!(again.contains("nothing was done") && again.contains("by itself"), "{again}");
}

#[tokio::test]
async fn without_the_key_of_the_authority_or_room_nothing_changes() {
    let made = Kubeadm::make().await;
    made.leaf("pki", "apiserver", "rsa:2048").await;
    let key = fs::read(made.path("pki/ca.key")).expect("a key");
    fs::remove_file(made.path("pki/ca.key")).expect("it goes");
    let before = contents(made.0.path());
    let refused = made.fix(&["--yes"]).await.failed(3);
    assert!(refused.contains("the key of its authority") && refused.contains("is not here"), "{refused}");
    assert_eq!(contents(made.0.path()), before);

    fs::write(made.path("pki/ca.key"), key).expect("it is written");
    let small = folder();
    let mount = |words: &str| {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let directory = small.path().to_owned();
        async move { run(Command::new("mount").args(words).arg(directory)).await }
    };
    mount("-t tmpfs -o size=64k tmpfs").await.done();
    let unmount = Unmount(small.path().to_owned());
    let mut copy = Command::new("cp");
    run(copy.arg("-r").arg(made.path("pki")).arg(small.path())).await.done();
    let before = contents(small.path());
    mount("-o remount,ro").await.done();
    let refused = fix(small.path(), &["--yes"]).await.failed(1);
    assert!(refused.contains("all files are as they were"), "{refused}");
    assert_eq!(contents(small.path()), before);
    mount("-o remount,rw").await.done();
    // All room is taken.
    fs::write(small.path().join("full"), vec![0; 1 << 20]).expect_err("it is full");
    let before = contents(small.path());
    let refused = fix(small.path(), &["--yes"]).await.failed(1);
    assert!(refused.contains("all files are as they were"), "{refused}");
    assert_eq!(contents(small.path()), before);
    drop(unmount);
}

/// A mount that goes with this value.
struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        if let Err(error) = std::process::Command::new("umount").arg(&self.0).status() {
            println!("cannot unmount {}: {error}", self.0.display());
        }
    }
}

/// What a kubelet is to static Pods: it runs the one whose manifest is in a directory, and ends it when that is gone.
struct Keeper {
    _task: JoinSet<()>,
}

impl Keeper {
    /// Keeps to the manifest of one Pod, and notes how often its process was started.
    fn start(manifest: PathBuf, started: Arc<AtomicUsize>) -> Self {
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut process: Option<Child> = None;
            loop {
                match (fs::read_to_string(&manifest), process.as_mut()) {
                    (Ok(text), None) => {
                        let pod: Value = serde_json::from_str(&text).expect("a manifest");
                        let words = pod["spec"]["containers"][0]["command"].as_array().expect("a command");
                        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
                        let mut command = Command::new(words[0]);
                        command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null());
                        process = Some(spawn(command.kill_on_drop(true)));
                        started.fetch_add(1, Ordering::SeqCst);
                    }
                    (Err(_), Some(running)) => {
                        signal(running, "TERM").await;
                        running.wait().await.expect("a child can be waited for");
                        process = None;
                    }
                    _ => {}
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        Self { _task: task }
    }
}

/// Returns serial number and end of the certificate that a server shows.
async fn shown(port: u16) -> String {
    let words = format!(
        "openssl s_client -connect 127.0.0.1:{port} </dev/null | openssl x509 -noout -serial -enddate"
    );
    run(Command::new("bash").args(["-c", &words])).await.done()
}

#[tokio::test]
async fn a_static_pod_is_restarted_with_its_new_certificate() {
    within(Duration::from_secs(100), async {
        let made = Kubeadm::make().await;
        made.leaf("pki/etcd", "server", "rsa:2048").await;
        let [client, peer, health] = [lasting_port(), lasting_port(), lasting_port()];
        let path = |name: &str| made.path(name).display().to_string();
        let command = [
            "etcd".to_owned(),
            format!("--data-dir={}", path("data")),
            format!("--cert-file={}", path("pki/etcd/server.crt")),
            format!("--key-file={}", path("pki/etcd/server.key")),
            format!("--listen-client-urls=https://127.0.0.1:{client}"),
            format!("--advertise-client-urls=https://127.0.0.1:{client}"),
            format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
            format!("--listen-metrics-urls=http://127.0.0.1:{health}"),
        ];
        let probe = json!({"httpGet": {"host": "127.0.0.1", "path": "/health", "port": health, "scheme": "HTTP"}});
        let container = json!({"name": "etcd", "command": command, "livenessProbe": probe});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "etcd", "namespace": "kube-system"},
            "spec": {"containers": [container]}});
        fs::create_dir(made.path("manifests")).expect("a directory");
        let manifest = made.path("manifests/etcd.yaml");
        fs::write(&manifest, pod.to_string()).expect("it is written");
        let started = Arc::new(AtomicUsize::new(0));
        let keeper = Keeper::start(manifest.clone(), Arc::clone(&started));
        let host = format!("127.0.0.1:{health}");
        wait_for("etcd does not serve", async || {
            http::try_get(&host, "/health").await.is_ok_and(|answer| answer.code == 200).then_some(())
        })
        .await;
        let before = shown(client).await;
        assert!(before.contains("notAfter=Jan  1 00:00:00 2026 GMT"), "{before}");

        let manifests = path("manifests");
        let words = ["--yes", "--restart-static-pods", "--manifests-dir", &manifests];
        let said = made.fix(&words).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stderr.contains("etcd answers again"), "{said:?}");
        assert_eq!(started.load(Ordering::SeqCst), 2, "ended once, and started again");
        assert_eq!(fs::read_to_string(&manifest).expect("it is back"), pod.to_string());
        let after = shown(client).await;
        let serial = made.said("pki/etcd/server.crt", "-serial").await;
        assert!(after.contains(serial.trim()) && !before.contains(serial.trim()), "{before} {after} {serial}");
        drop(keeper);
    })
    .await;
}
