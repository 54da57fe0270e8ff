use super::*;

const MANIFEST: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: etcd, namespace: kube-system}
spec:
  containers:
  - name: shim
    image: registry.k8s.io/pause:3.10
  - name: etcd
    image: registry.k8s.io/etcd:3.6.6-0
    command:
    - etcd
    - --advertise-client-urls=https://10.0.0.1:2379
    - --client-cert-auth=true
    - --data-dir=/var/lib/etcd
    - --election-timeout=2500
    - --listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379
    - --name=node-1
    env:
    - {name: ETCD_HEARTBEAT_INTERVAL, value: "250"}
    - {name: ETCD_ELECTION_TIMEOUT, value: "9"}
"#;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn understood(line: &str) -> Started {
    Started::understand("here".to_owned(), &arguments::options(&words(line))).expect("it is understood")
}

#[test]
fn a_command_line_says_how_a_member_was_started() {
    let line = "/usr/bin/etcd --name m1 -data-dir=/data --enable-v2 --heartbeat-interval 50 --listen-client-urls \
                http://127.0.0.1:2379,http://[::1]:2381 --election-timeout 900 --election-timeout=500";
    assert!(arguments::is_etcd(&words(line)) && !arguments::is_etcd(&words("etcdctl get etcd")));
    let started = understood(line);
    assert_eq!((started.name.as_str(), started.data_dir), ("m1", PathBuf::from("/data")));
    assert_eq!(started.ports, [2379, 2381]);
    let millis = Duration::from_millis;
    assert_eq!((started.heartbeat, started.election), (millis(50), millis(500)), "the last one counts");
    let bare = understood("etcd");
    assert_eq!((bare.name.as_str(), bare.data_dir), ("default", PathBuf::from("default.etcd")));
    assert_eq!((bare.heartbeat, bare.election), (millis(100), millis(1_000)));
    let wrong = arguments::options(&words("etcd --heartbeat-interval=fast"));
    Started::understand(String::new(), &wrong).expect_err("no number");
}

#[test]
fn a_manifest_says_it_too() {
    let started = config::understand("etcd.yaml", MANIFEST).expect("it is understood");
    assert_eq!((started.name.as_str(), started.ports.as_slice()), ("node-1", [2379, 2379, 2379].as_slice()));
    assert_eq!(started.data_dir, PathBuf::from("/var/lib/etcd"));
    let millis = Duration::from_millis;
    assert_eq!(
        (started.heartbeat, started.election),
        (millis(250), millis(2_500)),
        "options before environment"
    );
}

#[test]
fn a_file_of_etcd_says_it_too() {
    let text = "name: m2\ndata-dir: /data\nheartbeat-interval: 200\nelection-timeout: '2000'\nclient-transport-security:\n  \
                client-cert-auth: true\n";
    let started = config::understand("etcd.conf.yml", text).expect("it is understood");
    assert_eq!(started.name, "m2");
    assert_eq!((started.heartbeat, started.election), (Duration::from_millis(200), Duration::from_secs(2)));
}

#[test]
fn what_is_neither_is_refused() {
    for (text, why) in [
        ("kind: Service\n", "is of kind"),
        ("kind: Pod\nspec: {containers: [{command: [sleep]}]}\n", "no container"),
        ("- a\n", "no configuration"),
        ("a: [\n", "no YAML"),
        ("heartbeat-interval: soon\n", "no number"),
    ] {
        let error = config::understand("x", text).expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn only_a_directory_with_a_database_is_one_of_a_member() {
    let root = tempfile::tempdir().expect("a directory");
    let started = understood("etcd --data-dir=/var/lib/etcd");
    assert_eq!(disk(&started, root.path()), None);
    let snap = root.path().join("var/lib/etcd/member/snap");
    std::fs::create_dir_all(&snap).expect("it is made");
    std::fs::write(snap.join("db"), "x").expect("it is written");
    let disk = disk(&started, root.path()).expect("it is one");
    assert_eq!(disk.directory, "/var/lib/etcd");
    assert!(disk.free > 0);
}
