//! `/metrics`, `/health`, `/livez`, `/readyz` and `/version`.

use crate::LIMIT;
use crate::support::server::{Server, folder, metric};
use crate::support::{http, within};

/// Metrics that etcd's dashboards and alerts read, and that are there from the beginning.
const NAMES: [&str; 9] = [
    "etcd_mvcc_db_total_size_in_bytes",
    "etcd_mvcc_db_total_size_in_use_in_bytes",
    "etcd_server_quota_backend_bytes",
    "etcd_disk_wal_fsync_duration_seconds_count",
    "etcd_disk_backend_commit_duration_seconds_count",
    "etcd_debugging_mvcc_keys_total",
    "etcd_debugging_mvcc_slow_watcher_total",
    "etcd_server_has_leader",
    "etcd_debugging_mvcc_current_revision",
];

/// Those that a put of a new key raises.
const MOVED: [&str; 8] = [
    "etcd_mvcc_db_total_size_in_bytes",
    "etcd_mvcc_db_total_size_in_use_in_bytes",
    "etcd_disk_wal_fsync_duration_seconds_count",
    "etcd_disk_backend_commit_duration_seconds_count",
    "etcd_debugging_mvcc_keys_total",
    "etcd_debugging_mvcc_current_revision",
    "etcd_mvcc_put_total",
    PUTS,
];

const PUTS: &str =
    r#"grpc_server_handled_total{grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="OK"}"#;

#[tokio::test]
async fn metrics_have_the_names_of_etcd_and_move() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &["--quota-backend-bytes", "123456789"]).await;
        let text = http::get(server.endpoint(), "/metrics").await;
        assert_eq!(text.code, 200);
        for name in NAMES {
            assert!(metric(&text.body, name).is_some(), "there is no {name}:\n{}", text.body);
        }
        assert!((server.metric("etcd_server_quota_backend_bytes").await - 123_456_789.0).abs() < 0.5);
        assert!((server.metric("etcd_server_has_leader").await - 1.0).abs() < 0.5);
        server.ctl("put before 1").await.done();
        let before = http::get(server.endpoint(), "/metrics").await.body;
        server.ctl("put after 1").await.done();
        let after = http::get(server.endpoint(), "/metrics").await.body;
        for name in MOVED {
            let values = (metric(&before, name), metric(&after, name));
            let (Some(before), Some(now)) = values else { panic!("there is no {name}:\n{after}") };
            assert!(now > before, "{name} was {before} and is {now}");
        }
        assert!(text.body.ends_with("# EOF\n"));
    })
    .await;
}

#[tokio::test]
async fn health_and_version_are_told_on_both_addresses() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &["--listen-metrics-urls", "http://127.0.0.1:0"]).await;
        let metrics = server.metrics_endpoint().expect("a second address is asked for");
        for endpoint in [server.endpoint(), metrics] {
            let health = http::get(endpoint, "/health").await;
            assert_eq!((health.code, health.body.as_str()), (200, r#"{"health":"true","reason":""}"#));
            assert_eq!(http::get(endpoint, "/livez").await.body, "ok\n");
            assert_eq!(http::get(endpoint, "/readyz").await.body, "ok\n");
            let verbose = http::get(endpoint, "/readyz?verbose").await.body;
            assert!(verbose.contains("[+]data_corruption ok\n"), "{verbose}");
            let version = http::get(endpoint, "/version").await.body;
            let version: serde_json::Value = serde_json::from_str(&version).expect("the version is JSON");
            let (server, cluster) = (version["etcdserver"].as_str(), version["etcdcluster"].as_str());
            assert!(server.is_some_and(|version| version.starts_with("3.")), "{version}");
            assert!(cluster.is_some_and(|version| version.ends_with(".0")), "{version}");
            assert_eq!(http::get(endpoint, "/metrics").await.code, 200);
        }
        assert!(
            server.store_at(metrics, "status").await.code != Some(0),
            "no calls where metrics are served"
        );
    })
    .await;
}
