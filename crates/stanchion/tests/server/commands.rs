//! The commands' output, in every format.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::LIMIT;
use crate::support::command::{run, run_with, split, stanchion};
use crate::support::server::{Server, folder};
use crate::support::within;

#[tokio::test]
async fn reports_can_be_read_in_every_format() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &[]).await;
        for value in 0..20 {
            server.ctl(&format!("put k {value}")).await.done();
        }
        let fields = ["dbSize", "dbSizeInUse", "revision", "raftTerm", "version", "clusterId", "errors"];
        let status = every_format(&server, "status", &fields, "revision").await;
        assert_eq!(status["revision"], 21, "{status}");

        let fields = ["newest", "compacted", "dryRun", "store"];
        let planned = every_format(&server, "compact --keep 5 --dry-run", &fields, "would keep from").await;
        assert_eq!((&planned["compacted"], &planned["dryRun"]), (&16.into(), &true.into()), "{planned}");
        server.ctl("get k --rev=2").await.done();
        server.store("compact 10 --physical").await.done();
        assert!(server.ctl("get k --rev=9").await.failed(1).contains("has been compacted"));
        server.ctl("get k --rev=10").await.done();
        assert!(server.store("compact 10").await.failed(4).contains("has been compacted"));
        assert!(server.store("compact").await.failed(2).contains("REVISION"));

        let status = every_format(&server, "status", &["dbSize"], "on disk").await;
        let fields = ["before", "after", "dryRun", "store"];
        let planned = every_format(&server, "defrag --dry-run", &fields, "would be").await;
        assert_eq!(planned["before"].as_u64(), status["dbSize"].as_u64(), "{planned}");
        let done = every_format(&server, "defrag", &fields, "given back").await;
        assert!(done["after"].as_u64() < status["dbSize"].as_u64(), "{done}");
        assert_eq!(server.ctl("get k --print-value-only").await.done(), "19\n");
    })
    .await;
}

#[tokio::test]
async fn upkeep_works_without_a_server() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &[]).await;
        for value in 0..20 {
            server.ctl(&format!("put k {value}")).await.done();
        }
        server.ctl("compaction 21").await.done();
        server.terminate().await;
        let data_dir = folder.path().display().to_string();
        let mut command = stanchion();
        let sizes =
            run(command.args(["store", "defrag", "--output=json", "--data-dir", &data_dir])).await.done();
        let sizes: Value = serde_json::from_str(&sizes).expect("JSON was asked for");
        assert!(sizes["after"].as_u64() < sizes["before"].as_u64(), "{sizes}");
        let mut command = stanchion();
        let checked =
            run(command.args(["store", "check", "--output=json", "--data-dir", &data_dir])).await.done();
        let checked: Value = serde_json::from_str(&checked).expect("JSON was asked for");
        assert_eq!((&checked["revision"], &checked["keys"]), (&21.into(), &1.into()), "{checked}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    within(LIMIT, async {
        for command in ["status", "compact 5", "defrag"] {
            let mut stanchion = stanchion();
            stanchion.arg("store").args(split(command)).args(["--endpoint", "http://127.0.0.1:1"]);
            let refused = run(&mut stanchion).await.failed(4);
            assert!(refused.contains("cannot connect to http://127.0.0.1:1"), "{refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_program_tells_what_it_is() {
    within(LIMIT, async {
        let version = run(stanchion().args(["version", "--output=json"])).await.done();
        let version: Value = serde_json::from_str(&version).expect("JSON was asked for");
        assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
        assert!(version["etcdApi"].as_str().is_some_and(|api| api.starts_with("3.")), "{version}");
        let table = run(stanchion().arg("version")).await.done();
        assert!(table.starts_with("version") && table.contains(env!("CARGO_PKG_VERSION")), "{table}");
        let short = run(stanchion().arg("--version")).await.done();
        assert_eq!(short, concat!("stanchion ", env!("CARGO_PKG_VERSION"), "\n"));
        let script = run(stanchion().args(["completions", "bash"])).await.done();
        // It is longer than one argument may be.
        let checked = run_with(&script, tokio::process::Command::new("bash").arg("-n")).await;
        assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "bash cannot read the script");
        assert!(script.contains("complete") && script.contains("stanchion"), "{script}");
        assert_eq!(run(stanchion().arg("nonsense")).await.code, Some(2));
        assert_eq!(run(&mut stanchion()).await.code, Some(2));
    })
    .await;
}

/// Runs a command in every format: JSON and YAML have the fields, and the table the row.
async fn every_format(server: &Server, command: &str, fields: &[&str], row: &str) -> Value {
    let json = server.store(&format!("{command} --output=json")).await.done();
    let json: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error} in {json:?}"));
    let yaml = server.store(&format!("{command} --output=yaml")).await.done();
    // A flat report: one field a line, values as in JSON.
    let line = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no YAML"));
        let value: Value = serde_json::from_str(value).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        (name.to_owned(), value)
    };
    let yaml: BTreeMap<String, Value> = yaml.lines().map(line).collect();
    for field in fields {
        assert!(json.get(field).is_some(), "{command}: no {field} in {json}");
        assert!(yaml.contains_key(*field), "{command}: no {field} in {yaml:?}");
    }
    let table = server.store(command).await.done();
    assert!(
        table.lines().any(|line| line.starts_with(&format!("{row} "))),
        "{command}: no {row:?} in {table}"
    );
    json
}
