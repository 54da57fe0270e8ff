//! Where a server may listen, and what it may serve.

use crate::LIMIT;
use crate::support::command::{run, stanchion};
use crate::support::server::{Server, folder};
use crate::support::within;

#[tokio::test]
async fn open_addresses_need_tls_or_a_word() {
    within(LIMIT, async {
        let folder = folder();
        let refused = Server::refused("http://0.0.0.0:0", folder.path(), &[]).await.failed(2);
        assert!(refused.contains("can be reached from other machines and has no TLS"), "{refused}");
        assert!(refused.contains("--allow-insecure-listen"), "{refused}");
        let server = Server::start_on("http://0.0.0.0:0", folder.path(), &["--allow-insecure-listen"]).await;
        assert_eq!(server.ctl("put k v").await.done(), "OK\n");
        let refused =
            Server::refused("https://127.0.0.1:0", &folder.path().join("other"), &[]).await.failed(2);
        assert!(refused.contains("--cert-file"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_taken_port_is_told() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(&folder.path().join("one"), &[]).await;
        let refused = Server::refused(&server.url(), &folder.path().join("two"), &[]).await;
        assert!([1, 2, 5].contains(&refused.code.unwrap_or(0)), "{refused:?}");
        assert!(refused.stderr.contains(&format!("cannot listen on {}", server.url())), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn a_directory_has_one_server() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &[]).await;
        let refused = Server::refused("http://127.0.0.1:0", folder.path(), &[]).await.failed(5);
        assert!(refused.contains(&folder.path().display().to_string()), "{refused}");
        for command in ["check", "defrag"] {
            let mut command_line = stanchion();
            command_line.args(["store", command, "--data-dir"]).arg(folder.path());
            assert_eq!(run(&mut command_line).await.code, Some(5), "{command}");
        }
        assert_eq!(server.ctl("put k v").await.done(), "OK\n");
    })
    .await;
}

#[tokio::test]
async fn the_data_of_etcd_is_not_touched() {
    within(LIMIT, async {
        let folder = folder();
        std::fs::create_dir_all(folder.path().join("member/snap")).expect("a folder can be made");
        let refused = Server::refused("http://127.0.0.1:0", folder.path(), &[]).await.failed(2);
        assert!(refused.contains("etcd"), "{refused}");
        let mut entries = std::fs::read_dir(folder.path()).expect("a folder can be read");
        let names: Vec<_> = entries.by_ref().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["member"]);
    })
    .await;
}

#[tokio::test]
async fn wrong_command_lines_are_refused() {
    within(LIMIT, async {
        let folder = folder();
        for (flags, text) in [
            (&["--unknown-flag"][..], "--unknown-flag"),
            (&["--defrag-free-share", "1.5"], "not between 0 and 1"),
            (&["--auto-compaction-retention", "soon"], "--auto-compaction-retention"),
            (&["--quota-backend-bytes", "16MiB"], "invalid value"),
            (&["--client-cert-auth"], "--trusted-ca-file"),
            (&["--cert-file", "a.pem"], "--key-file"),
            (&["--cert-file", "missing.pem", "--key-file", "missing.key"], "missing.pem"),
        ] {
            let refused = Server::refused("http://127.0.0.1:0", folder.path(), flags).await.failed(2);
            assert!(refused.contains(text), "{flags:?}: {refused}");
        }
        let refused = Server::refused("127.0.0.1:2379", folder.path(), &[]).await.failed(2);
        assert!(refused.contains("no listen URL"), "{refused}");
    })
    .await;
}
