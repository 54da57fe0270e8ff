//! Bounds on requests: refused as etcd refuses, by the default bounds and by chosen ones.

use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use tonic::{Code, Status};

use crate::LIMIT;
use crate::support::etcd::Etcd;
use crate::support::server::{Server, channel, folder};
use crate::support::within;

/// etcd's bound on a request.
const BOUND: usize = 1536 * 1024;

#[tokio::test]
async fn large_requests_are_refused_as_by_etcd() {
    within(LIMIT, async {
        let (folder, etcd) = (folder(), Etcd::start().await);
        let server = Server::start(folder.path(), &[]).await;
        // A few bytes of a request are its own; from the bound on it is too large, and at 512 KiB more no longer read.
        for size in [1, BOUND - 1024, BOUND, BOUND + 1024, BOUND + 500 * 1024, BOUND + 600 * 1024] {
            let [theirs, ours] = [put(etcd.endpoint(), size).await, put(server.endpoint(), size).await];
            assert_eq!(ours.is_ok(), size < BOUND, "{size} bytes: {ours:?}");
            let told = |told: &Result<i64, Status>| {
                told.as_ref().map(|_| ()).map_err(|status| (status.code(), status.message().to_owned()))
            };
            if size > BOUND + 512 * 1024 {
                // The text is the gRPC library's.
                assert_eq!(told(&ours).map_err(|(code, _)| code), told(&theirs).map_err(|(code, _)| code));
            } else {
                assert_eq!(told(&ours), told(&theirs), "{size} bytes");
            }
        }
        assert_eq!(put(server.endpoint(), 1).await.expect("a small put"), 4);
    })
    .await;
}

#[tokio::test]
async fn bounds_can_be_chosen() {
    within(LIMIT, async {
        let folder = folder();
        let flags = ["--max-request-bytes", "10000", "--max-txn-ops", "3"];
        let server = Server::start(folder.path(), &flags).await;
        put(server.endpoint(), 9_900).await.expect("a put within the bounds");
        let refused = put(server.endpoint(), 10_000).await.expect_err("a put beyond the bounds");
        assert_eq!(refused.message(), "etcdserver: request is too large");
        assert_eq!(refused.code(), Code::InvalidArgument);
        txn(&server, 3).await.expect("a transaction within the bounds");
        let refused = txn(&server, 4).await.expect_err("a transaction beyond the bounds");
        assert_eq!(refused.message(), "etcdserver: too many operations in txn request");
        assert_eq!(refused.code(), Code::InvalidArgument);
    })
    .await;
}

async fn put(endpoint: &str, size: usize) -> Result<i64, Status> {
    let request = pb::PutRequest { key: "k".into(), value: vec![b'x'; size].into(), ..Default::default() };
    let answer = KvClient::new(channel(endpoint).await).put(request).await?.into_inner();
    Ok(answer.header.map_or(0, |header| header.revision))
}

async fn txn(server: &Server, ops: usize) -> Result<(), Status> {
    let op = |key: usize| pb::RequestOp {
        request: Some(pb::request_op::Request::RequestPut(pb::PutRequest {
            key: format!("k{key}").into(),
            ..Default::default()
        })),
    };
    let request = pb::TxnRequest { success: (0..ops).map(op).collect(), ..Default::default() };
    KvClient::new(server.channel().await).txn(request).await.map(drop)
}
