//! Watches as the server's flags shape them: progress while nothing happens, and how many there may be.

use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use stanchion_etcd_api::etcdserverpb::watch_client::WatchClient;
use stanchion_etcd_api::etcdserverpb::watch_request::RequestUnion;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::LIMIT;
use crate::support::server::{Server, folder};
use crate::support::within;

#[tokio::test]
async fn quiet_watches_that_ask_for_it_are_told_the_newest_revision() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &["--watch-progress-notify-interval", "200ms"]).await;
        let (requests, mut answers) = open(&server).await;
        let asks = pb::WatchCreateRequest { progress_notify: true, ..create("asks") };
        for (id, create) in [(0, asks), (1, create("does not ask"))] {
            send(&requests, create).await;
            let created = next(&mut answers).await;
            assert_eq!((created.created, created.watch_id), (true, id));
        }
        let put = pb::PutRequest { key: "another".into(), ..Default::default() };
        KvClient::new(server.channel().await).put(put).await.expect("a put");
        // The first may come from before the put.
        let mut revision = 0;
        while revision < 2 {
            let progress = next(&mut answers).await;
            assert_eq!(progress.watch_id, 0, "{progress:?}");
            assert!(progress.events.is_empty() && !progress.created && !progress.canceled, "{progress:?}");
            revision = progress.header.expect("a header").revision;
        }
        assert_eq!(revision, 2);
    })
    .await;
}

#[tokio::test]
async fn watches_beyond_the_bound_are_refused() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &["--max-watchers", "2"]).await;
        let (requests, mut answers) = open(&server).await;
        let mut told = Vec::new();
        for _ in 0..3 {
            send(&requests, create("k")).await;
            let answer = next(&mut answers).await;
            told.push((answer.watch_id, answer.canceled, answer.cancel_reason));
        }
        let refusal = "etcdserver: too many requests".to_owned();
        let none = String::new;
        assert_eq!(told, [(0, false, none()), (1, false, none()), (-1, true, refusal)]);
    })
    .await;
}

#[tokio::test]
async fn what_is_longer_than_a_request_comes_in_fragments() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &["--max-request-bytes", "10000"]).await;
        let mut kv = KvClient::new(server.channel().await);
        for _ in 0..5 {
            let put =
                pb::PutRequest { key: "k".into(), value: vec![b'x'; 4000].into(), ..Default::default() };
            kv.put(put).await.expect("a put");
        }
        let (requests, mut answers) = open(&server).await;
        send(&requests, pb::WatchCreateRequest { start_revision: 2, fragment: true, ..create("k") }).await;
        assert!(next(&mut answers).await.created);
        let mut pieces = Vec::new();
        while pieces.last().is_none_or(|piece: &pb::WatchResponse| piece.fragment) {
            pieces.push(next(&mut answers).await);
        }
        let events: Vec<_> = pieces.iter().map(|piece| piece.events.len()).collect();
        assert_eq!(events, [2, 2, 1], "at most 10,000 bytes each");
        let revisions = pieces.iter().flat_map(|piece| &piece.events);
        let revisions: Vec<_> =
            revisions.filter_map(|event| event.kv.as_ref().map(|kv| kv.mod_revision)).collect();
        assert_eq!(revisions, [2, 3, 4, 5, 6]);
    })
    .await;
}

fn create(key: &'static str) -> pb::WatchCreateRequest {
    pb::WatchCreateRequest { key: key.into(), ..Default::default() }
}

async fn open(server: &Server) -> (mpsc::Sender<pb::WatchRequest>, Streaming<pb::WatchResponse>) {
    let (requests, stream) = mpsc::channel(8);
    let mut client = WatchClient::new(server.channel().await);
    let answers = client.watch(ReceiverStream::new(stream)).await.expect("a stream of watches");
    (requests, answers.into_inner())
}

async fn send(requests: &mpsc::Sender<pb::WatchRequest>, create: pb::WatchCreateRequest) {
    let request = pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    requests.send(request).await.expect("the stream is open");
}

async fn next(answers: &mut Streaming<pb::WatchResponse>) -> pb::WatchResponse {
    answers.message().await.expect("an answer").expect("the stream goes on")
}
