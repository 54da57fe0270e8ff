//! Too much of everything: watches, connections, headers, streams.

use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::LIMIT;
use crate::client::{Client, memory, unharmed};
use crate::support::cluster::Cluster;
use crate::support::within;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn a_thousand_watches_that_nobody_reads_take_bounded_memory() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let mut watches = Vec::new();
        for _ in 0..20 {
            let connection = admin.again().await;
            for _ in 0..50 {
                let watch = connection.open("GET", &format!("{MAPS}?watch=true"), &[], "").await;
                watches.push(watch.expect("a watch begins"));
            }
        }
        let before = memory(&cluster);
        for round in 0..40 {
            let size = if round % 2 == 0 { 500_000 } else { 10_000 };
            let map = json!({"metadata": {"name": format!("m{round}")}, "data": {"a": "x".repeat(size)}});
            admin.post(MAPS, &map).await.done("create");
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let grown = memory(&cluster).saturating_sub(before);
        assert!(grown < 700 << 20, "grown by {} MiB for {} watches", grown >> 20, watches.len());
        // One that reads gets everything.
        let mut reader = admin
            .again()
            .await
            .open("GET", &format!("{MAPS}?watch=true"), &[], "")
            .await
            .expect("a watch")
            .into_body();
        let mut read = 0;
        while read < 10_000_000 {
            let frame =
                tokio::time::timeout(Duration::from_secs(20), reader.frame()).await.expect("there is more");
            read += frame.expect("it goes on").expect("it is whole").data_ref().map_or(0, bytes::Bytes::len);
        }
        drop(watches);
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn connections_that_say_nothing_hold_nobody_up() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let address = cluster.url().trim_start_matches("https://").to_owned();
        let mut held = Vec::new();
        for _ in 0..1500 {
            held.push(tokio::net::TcpStream::connect(&address).await.expect("a connection"));
        }
        admin.again().await.get("/readyz").await.code.eq(&200).then_some(()).expect("others are served");
        // Those that begin a request and never end it.
        let mut slow = Vec::new();
        for number in 0..50 {
            let mut stream = admin.raw().await.expect("a connection");
            let begun = if number % 2 == 0 { "GET /api HTTP/1.1\r\nhost: a\r\nx-a: " } else { "G" };
            stream.write_all(begun.as_bytes()).await.expect("written");
            slow.push(stream);
        }
        let mut bodies = Vec::new();
        for _ in 0..50 {
            let mut stream = admin.raw().await.expect("a connection");
            let begun = format!("POST {MAPS} HTTP/1.1\r\nhost: a\r\ncontent-length: 3000000\r\n\r\n{{");
            stream.write_all(begun.as_bytes()).await.expect("written");
            bodies.push(stream);
        }
        admin.again().await.get(MAPS).await.done("others are served");
        // The handshakes that never came are given up after ten seconds.
        let mut first = held.swap_remove(0);
        let mut nothing = [0; 1];
        let ended = tokio::time::timeout(Duration::from_secs(30), first.read(&mut nothing)).await;
        assert!(ended.is_ok(), "a connection without a handshake is kept");
        unharmed(&cluster, &admin).await;
        let mut early = slow.swap_remove(1);
        let mut said = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(90), early.read_to_end(&mut said)).await;
        assert!(ended.is_ok(), "a connection without a request is kept");
        let mut body = bodies.swap_remove(0);
        let mut said = [0; 12];
        let ended = tokio::time::timeout(Duration::from_secs(90), body.read(&mut said)).await;
        assert!(ended.is_ok(), "a body that does not come is waited for");
        unharmed(&cluster, &admin).await;
    })
    .await;
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("frames are small").to_be_bytes();
    let mut out = vec![length[1], length[2], length[3], kind, flags];
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// Returns the headers of `GET /api` in the static table of HPACK.
fn get_api() -> Vec<u8> {
    let mut block = vec![0x82, 0x87, 0x04, 4];
    block.extend_from_slice(b"/api");
    block.extend_from_slice(&[0x01, 1, b'a']);
    block
}

#[tokio::test]
async fn abuse_of_http2_ends_the_connection_and_nothing_else() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat();
        let streams = || (0..20_000_u32).map(|number| number * 2 + 1);
        let resets =
            streams().flat_map(|id| [frame(1, 5, id, &get_api()), frame(3, 0, id, &[0, 0, 0, 8])].concat());
        let settings = (0..50_000).flat_map(|_| frame(4, 0, 0, &[0, 3, 0, 0, 0, 1]));
        let pings = (0..50_000).flat_map(|_| frame(6, 0, 0, &[0; 8]));
        let mut endless = frame(1, 1, 1, &get_api());
        for _ in 0..5_000 {
            endless.extend(frame(
                9,
                0,
                1,
                &[0x00, 1, b'x', 100].into_iter().chain([b'a'; 100]).collect::<Vec<_>>(),
            ));
        }
        let empty =
            [frame(1, 4, 1, &get_api()), (0..50_000).flat_map(|_| frame(0, 0, 1, &[])).collect()].concat();
        let hpack_bomb: Vec<u8> =
            [&[0x40, 1, b'x', 0x7f, 0xe1, 0x1e][..], &[b'a'; 4000], &[0xbe; 12_000]].concat();
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("rapid reset", resets.collect()),
            ("settings", settings.collect()),
            ("pings", pings.collect()),
            ("continuation without end", endless),
            ("empty data", empty),
            ("header bomb", frame(1, 5, 1, &[get_api(), hpack_bomb].concat())),
            ("a frame that is too large", vec![0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]),
            ("a stream of the server's", frame(1, 5, 2, &get_api())),
            (
                "window overflow",
                [frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff])]
                    .concat(),
            ),
            ("nonsense", vec![0xff; 10_000]),
        ];
        for (what, abuse) in cases {
            let mut stream = admin.raw_h2().await.expect("a connection");
            let talk = async {
                drop(stream.write_all(&preface).await);
                drop(stream.write_all(&abuse).await);
                drop(stream.flush().await);
                let mut some = vec![0; 1 << 16];
                while let Ok(Ok(read)) =
                    tokio::time::timeout(Duration::from_millis(500), stream.read(&mut some)).await
                {
                    if read == 0 {
                        break;
                    }
                }
            };
            assert!(tokio::time::timeout(Duration::from_secs(30), talk).await.is_ok(), "{what}");
            admin.again().await.get("/readyz").await.code.eq(&200).then_some(()).expect(what);
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn large_bodies_at_once_are_bounded() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let inner = vec!["{\"a\":{}}"; 300_000].join(",");
        let body = bytes::Bytes::from(format!("{{\"metadata\":{{\"name\":\"x\"}},\"x\":[{inner}]}}"));
        let mut sent = Vec::new();
        for _ in 0..60 {
            let (client, body) = (admin.again().await, body.clone());
            sent.push(tokio::spawn(async move {
                let answer = client.send("POST", MAPS, &[("content-type", "application/json")], body).await;
                answer.sane("large");
                answer.code
            }));
        }
        for answer in sent {
            answer.await.expect("every one is answered");
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}
