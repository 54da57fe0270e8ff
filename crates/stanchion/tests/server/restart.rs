//! How a server ends, and what it remembers.

use crate::LIMIT;
use crate::support::command::Session;
use crate::support::server::{Server, folder};
use crate::support::{wait_for, within};

#[tokio::test]
async fn a_signal_ends_the_server_cleanly() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &[]).await;
        server.ctl("put k v").await.done();
        let mut watch = Session::ctl(server.endpoint(), "watch k --rev=1");
        watch.says("PUT").await;
        let ended = server.terminate().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("stopped"), "{ended:?}");
        let server = Server::start(folder.path(), &[]).await;
        assert_eq!(server.ctl("get k").await.done(), "k\nv\n");
    })
    .await;
}

#[tokio::test]
async fn identity_history_and_leases_survive() {
    within(LIMIT, async {
        let folder = folder();
        let mut server = Server::start(folder.path(), &[]).await;
        for words in ["put a 1", "put a 2", "put b 1", "compaction 2", "del b"] {
            server.ctl(words).await.done();
        }
        let kept = "get '' --prefix -w json";
        let (members, pairs) = (member(&server).await, server.ctl(kept).await.done());
        for clean in [true, false, true] {
            if clean {
                assert_eq!(server.terminate().await.code, Some(0));
            } else {
                server.kill().await;
            }
            server = Server::start(folder.path(), &[]).await;
            assert_eq!(member(&server).await, members);
            assert_eq!(server.ctl(kept).await.done(), pairs);
            assert_eq!(server.ctl("get a --rev=2 --print-value-only").await.done(), "1\n");
            assert!(server.ctl("get a --rev=1").await.failed(1).contains("has been compacted"));
        }
    })
    .await;
}

async fn member(server: &Server) -> String {
    let said = server.ctl("member list").await.done();
    said.split_once(',').map(|(id, _)| id.to_owned()).expect("a member has an id")
}

#[tokio::test]
async fn a_lease_does_not_begin_anew() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &[]).await;
        let granted = server.ctl("lease grant 200").await.done();
        let id = granted.split(' ').nth(1).expect("etcdctl tells the id").to_owned();
        server.ctl(&format!("put k v --lease={id}")).await.done();

        let left = wait_until(&server, &id, 198).await;
        server.terminate().await;
        let server = Server::start(folder.path(), &[]).await;
        let after = remaining(&server, &id).await;
        assert!(after <= left && after + 60 > left, "{left} s became {after} s over a restart");

        // A power cut may give back what was not written down since: ten seconds of this lease.
        let left = wait_until(&server, &id, 186).await;
        server.kill().await;
        let server = Server::start(folder.path(), &[]).await;
        let after = remaining(&server, &id).await;
        assert!(after <= left + 11 && after < 197, "{left} s became {after} s over a power cut");
        assert_eq!(server.ctl("get k --print-value-only").await.done(), "v\n");
    })
    .await;
}

async fn wait_until(server: &Server, id: &str, left: u32) -> u32 {
    wait_for("the lease's time does not pass", async || {
        let now = remaining(server, id).await;
        (now <= left).then_some(now)
    })
    .await
}

async fn remaining(server: &Server, id: &str) -> u32 {
    let said = server.ctl(&format!("lease timetolive {id}")).await.done();
    let seconds = said.split_once("remaining(").and_then(|(_, rest)| rest.split_once("s)"));
    seconds.and_then(|(seconds, _)| seconds.parse().ok()).unwrap_or_else(|| panic!("no time in {said:?}"))
}
