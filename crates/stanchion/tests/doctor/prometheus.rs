//! What the doctor says of a Prometheus, from Debian's package.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::report::{doctor, found};
use crate::secure::Authority;
use crate::support::command::{self, read, reopen, run, spawn, temporary};
use crate::support::server::folder;
use crate::support::{http, wait_for, within};

const LIMIT: std::time::Duration = std::time::Duration::from_secs(150);
/// What a Prometheus says once it listens; its address follows.
const LISTENS: &str = "msg=\"Listening on\" address=";
/// How many series a program shows that counts by what it is asked for.
const MANY: usize = 120_000;
const PASSWORD: &str = "in the test alone";
/// Its bcrypt, as Prometheus keeps passwords.
const HASH: &str = "$2b$04$dq66wn1XsmXFZ.KvUvmO3ud6jISwoJtRv86BbjxufTBSCxQIK5zNm";

/// A Prometheus; killed with this value.
struct Prometheus {
    _child: Child,
    address: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that watches `target`, with more flags, and what `prepare` puts into its folder.
    async fn start(target: &str, flags: &[&str], prepare: impl AsyncFnOnce(&Path)) -> Self {
        let (folder, log) = (folder(), temporary());
        prepare(folder.path()).await;
        let settings = folder.path().join("prometheus.yml");
        let watched = json!({"job_name": "app", "static_configs": [{"targets": [target]}]});
        let global = json!({"scrape_interval": "1s", "scrape_timeout": "1s"});
        let text = json!({"global": global, "scrape_configs": [watched]}).to_string();
        fs::write(&settings, text).expect("a file can be written");
        let mut prometheus = Command::new("prometheus");
        prometheus.arg("--config.file").arg(&settings);
        prometheus.arg("--storage.tsdb.path").arg(folder.path().join("data"));
        prometheus.args(["--web.listen-address", "127.0.0.1:0"]).args(flags);
        prometheus.stdout(Stdio::null()).stderr(reopen(&log)).kill_on_drop(true);
        let child = spawn(&mut prometheus);
        let address = Self::listens(&log).await;
        Self { _child: child, address, _folder: folder }
    }

    async fn listens(log: &NamedTempFile) -> String {
        wait_for("Prometheus does not listen", async || {
            let text = read(log);
            let (_, after) = text.split_once(LISTENS)?;
            after.split_once('\n').map(|(address, _)| address.trim().to_owned())
        })
        .await
    }
}

/// A program that is watched: it shows so many series of one metric, each with a path of its own.
async fn serve(listener: TcpListener, series: usize) {
    let mut page = String::from("# TYPE http_requests_total counter\n");
    for number in 0..series {
        writeln!(page, "http_requests_total{{path=\"/orders/{number}\"}} 1").expect("text can be written");
    }
    let page = Bytes::from(page);
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let page = page.clone();
        let answer = service_fn(move |_: Request<Incoming>| {
            let answer = Response::new(Full::new(page.clone()));
            async move { Ok::<_, std::convert::Infallible>(answer) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

/// Puts into a folder of data that there were so many series a day ago.
async fn remember(folder: &Path, series: usize) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut samples = String::from("# TYPE prometheus_tsdb_head_series gauge\n");
    // A query finds what is at most five minutes old.
    for minute in 0..20 {
        let at = now - 86_400 - 600 + minute * 60;
        writeln!(samples, "prometheus_tsdb_head_series{{job=\"prometheus\"}} {series} {at}")
            .expect("text can be written");
    }
    samples.push_str("# EOF\n");
    let file = folder.join("samples");
    fs::write(&file, samples).expect("a file can be written");
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&file).arg(folder.join("data"));
    run(&mut promtool).await.done();
}

#[tokio::test]
async fn series_and_labels_without_bound() {
    within(LIMIT, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = listener.local_addr().expect("an address").to_string();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, MANY));
        // It stands behind a path, as it does behind a proxy.
        let flags = ["--web.route-prefix=/behind/"];
        let prometheus =
            Prometheus::start(&target, &flags, async |folder| remember(folder, 60_000).await).await;
        let url = format!("http://{}/behind/", prometheus.address);
        // How many there are it counts only now and then, so that it is asked for that when it has all of them.
        let count = "/behind/api/v1/query?query=count(http_requests_total)";
        wait_for("Prometheus does not keep what it is to", async || {
            let answer = http::try_get(&prometheus.address, count).await.ok()?;
            answer.body.contains(&format!("\"{MANY}\"")).then_some(())
        })
        .await;
        let (outcome, report) = doctor(&["--prometheus-url", &url]).await;
        assert_eq!(outcome.code, Some(1), "{report:#}");
        assert_eq!(
            found(&report, "warning"),
            ["prometheus/labels", "prometheus/series", "prometheus/series"],
            "{report:#}"
        );
        let summaries = report["findings"].to_string();
        for said in ["grown by 100 % in a day", "the label path has very many values: 120000"] {
            assert!(summaries.contains(said), "{said}: {summaries}");
        }

        let (outcome, report) = doctor(&["--prometheus-url", &url.replace("behind", "elsewhere")]).await;
        assert_eq!(outcome.code, Some(3), "{report:#}");
        assert!(report["notRun"].to_string().contains("/api/v1/status/tsdb"), "{report:#}");
    })
    .await;
}

#[tokio::test]
async fn one_that_is_well_and_asks_who_comes() {
    within(LIMIT, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = listener.local_addr().expect("an address").to_string();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, 500));
        let authority = Authority::new();
        let secure = authority.sign("prometheus");
        let (login, password) = (temporary(), temporary());
        let users = json!({"ada": HASH});
        let pair = json!({"cert_file": secure.cert, "key_file": secure.key});
        fs::write(&login, json!({"basic_auth_users": users, "tls_server_config": pair}).to_string())
            .expect("a file can be written");
        let flag = format!("--web.config.file={}", login.path().display());
        let prometheus = Prometheus::start(&target, &[&flag], async |_| {}).await;
        let url = format!("https://{}", prometheus.address);
        let ca = secure.ca.to_str().expect("a path");
        let file = password.path().to_str().expect("a path");
        let whole = [
            "--prometheus-url",
            &url,
            "--prometheus-cacert",
            ca,
            "--prometheus-user",
            "ada",
            "--prometheus-password-file",
            file,
        ];

        // Without the authority, without a login, and with a wrong password it cannot be read.
        fs::write(&password, "wrong\n").expect("a file can be written");
        for (words, why) in [(&whole[..2], "certificate"), (&whole[..4], "401"), (&whole[..], "401")] {
            let (outcome, report) = doctor(words).await;
            assert_eq!(outcome.code, Some(3), "{words:?}: {report:#}");
            assert!(report["notRun"].to_string().contains(why), "{words:?}: {report:#}");
        }
        fs::write(&password, format!("{PASSWORD}\n")).expect("a file can be written");
        let (outcome, report) = doctor(&whole).await;
        assert_eq!((outcome.code, &report["findings"]), (Some(0), &json!([])), "{report:#}");
        let run: BTreeSet<_> =
            report["run"].as_array().expect("a list").iter().map(Value::to_string).collect();
        assert!(run.iter().any(|check| check.contains("prometheus/series")), "{run:?}");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let token = temporary();
    fs::write(&token, "abc").expect("a file can be written");
    let token = token.path().to_str().expect("a path");
    for (words, why) in [
        (&["--prometheus-url", "ftp://prometheus"][..], "is no address of a Prometheus"),
        (
            &["--prometheus-url", "http://prometheus", "--prometheus-token-file", token],
            "a login is not sent to prometheus in the clear",
        ),
        (&["--prometheus-token-file", token], "--prometheus-url"),
        (
            &["--prometheus-url", "https://prometheus", "--prometheus-user", "ada"],
            "--prometheus-password-file",
        ),
    ] {
        let refused = run(command::stanchion().arg("doctor").args(words)).await.failed(2);
        assert!(refused.contains(why), "{refused}");
    }
}
