//! `etcdctl watch`. What a watch has to see ends with a key that no other change has. etcdctl writes an event line by
//! line, so a text that is waited for reaches to the event's last line.

use crate::LIMIT;
use crate::support::transcript::{FORMATS, Pair, grant};
use crate::support::{http, server, wait_for, within};

#[tokio::test]
async fn watches_of_the_past() {
    within(LIMIT, async {
        let mut pair = history().await;
        for (format, end) in [("simple", "a/end\n1\n"), ("json", "YS9lbmQ=")] {
            pair.write_out(format);
            for words in [
                "watch a --prefix --rev=1",
                "watch a --prefix --rev=1 --prev-kv",
                "watch a --prefix --rev=5 --prev-kv",
                "watch a b --rev=3",
                "watch a/end --rev=1",
                "watch '' --prefix --rev=1 --prev-kv",
                "watch --rev=4 --prefix a/",
            ] {
                pair.until(end, words).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn watches_of_what_comes() {
    within(LIMIT, async {
        let mut pair = history().await;
        for (format, end, next) in [("simple", "w/end\n1\n", 15), ("json", "dy9lbmQ=", 21)] {
            pair.write_out(format);
            let mut plain = pair.talks("watch w/ --prefix");
            let mut full = pair.talks("watch w/ w0 --prev-kv");
            let mut later = pair.talks(&format!("watch w/ --prefix --rev={next}"));
            watching(&pair, 3).await;
            for words in
                ["put w/1 1", "put w/1 2", "put x 1", "del w/1", "del w/1", "put w/2 1", "put w/end 1"]
            {
                pair.done(words).await;
            }
            plain.both_say(end).await;
            full.both_say(end).await;
            later.both_say(end).await;
            plain.interrupt().await;
            drop((full, later));
            watching(&pair, 0).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_transaction_is_one_answer() {
    within(LIMIT, async {
        let mut pair = history().await;
        pair.write_out("json");
        pair.run_with("\nput t/2 1\nput t/1 1\ndel a\n\n\n", "txn").await.done();
        pair.done("put t/end 1").await;
        let said = pair.until("dC9lbmQ=", "watch '' --prefix --prev-kv --rev=13").await;
        assert!(
            said.lines().next().is_some_and(|line| line.matches("mod_revision\":13").count() == 3),
            "{said}"
        );
    })
    .await;
}

#[tokio::test]
async fn compacted_watches_are_cancelled() {
    within(LIMIT, async {
        let mut pair = history().await;
        pair.done("compaction 6").await;
        for format in FORMATS {
            pair.write_out(format);
            let cancelled = pair.run("watch a --prefix --rev=5").await;
            assert_ne!(cancelled.code, Some(0), "{cancelled:?}");
            assert!(cancelled.stderr.contains("required revision has been compacted"), "{cancelled:?}");
        }
        pair.until("YS9lbmQ=", "watch a --prefix --rev=6 --prev-kv").await;
        pair.until("YS9lbmQ=", "watch a --prefix --rev=7 --prev-kv").await;
    })
    .await;
}

#[tokio::test]
async fn one_stream_carries_several_watches() {
    within(LIMIT, async {
        let pair = history().await;
        let mut talks = pair.talks("watch -i");
        for (line, last) in [
            ("watch a --prefix --rev=1", "a/end\n1\n"),
            ("watch b --rev=1 --prev-kv", "DELETE\nb\n1\nb\n\n"),
            ("watch c", ""),
            ("watch d -- echo changed", ""),
            ("nonsense", ""),
            ("watch", ""),
            ("progress", "progress notify: 12\n"),
        ] {
            talks.type_in(line).await;
            talks.both_say(last).await;
        }
        watching(&pair, 4).await;
        for (words, last) in
            [("put c 1", "PUT\nc\n1\n"), ("put a 9", "PUT\na\n9\n"), ("put d 1", "changed\n")]
        {
            pair.done(words).await;
            talks.both_say(last).await;
        }
        talks.interrupt().await;
    })
    .await;
}

#[tokio::test]
async fn a_command_runs_on_each_event() {
    within(LIMIT, async {
        let pair = history().await;
        let command =
            "sh -c 'echo $ETCD_WATCH_REVISION $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE'";
        let said = pair
            .until("12 \"PUT\" \"a/end\" \"1\"\n", &format!("watch a --prefix --rev=1 -- {command}"))
            .await;
        assert_eq!(said.matches("\"PUT\" \"a\"").count(), 3, "{said}");
    })
    .await;
}

/// Eleven changes, the last of which is of `a/end`; the newest revision is 12.
async fn history() -> Pair {
    let pair = Pair::start().await;
    grant(&pair, 0x1001, 1000).await;
    for words in [
        "put a 1",
        "put b 1",
        "put a 2",
        "put a/1 leased --lease=1001",
        "del b",
        "put a/2 1",
        "del a/2",
        "put a 3",
        "lease revoke 1001",
        "put c 1",
        "put a/end 1",
    ] {
        pair.done(words).await;
    }
    pair
}

/// Waits until both have this many watches.
async fn watching(pair: &Pair, count: u32) {
    for endpoint in pair.endpoints() {
        wait_for(&format!("{endpoint} does not have {count} watches"), async || {
            let metrics = http::get(endpoint, "/metrics").await.body;
            let watches = server::metric(&metrics, "etcd_debugging_mvcc_watcher_total")?;
            ((watches - f64::from(count)).abs() < 0.5).then_some(())
        })
        .await;
    }
}
