use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;

use super::*;
use crate::key::Key;

/// One object, and that there is no more; then nothing changes.
const EVENTS: &str = concat!(
    r#"{"type":"ADDED","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n","#,
    r#""uid":"1","resourceVersion":"1"}}}"#,
    "\n",
    r#"{"type":"BOOKMARK","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"resourceVersion":"1","#,
    r#""annotations":{"k8s.io/initial-events-end":"true"}}}}"#,
    "\n",
);

type Answer = http::Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Returns a client of an API with [`EVENTS`], and how often it was asked.
fn api() -> (Client, Arc<AtomicUsize>) {
    let asked: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&asked);
    let service = tower::service_fn(move |_: http::Request<Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        let events = stream::iter([Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(EVENTS)))]);
        let body = StreamBody::new(events.chain(stream::pending()));
        let answer: Answer = http::Response::new(body.boxed_unsync());
        async move { Ok::<_, Infallible>(answer) }
    });
    (Client::new(service, "default"), asked)
}

#[tokio::test]
async fn a_kind_is_followed_once() {
    let (client, asked) = api();
    let stop = CancellationToken::new();
    let _ends = stop.clone().drop_guard();
    let copies = Copies::new(client, stop);
    let first = copies.of::<ConfigMap>();
    first.synced().await;
    let second = copies.clone().of::<ConfigMap>();
    let key = Key::new("n", "a");
    let (one, two) = (first.get(&key).expect("it is there"), second.get(&key).expect("it is there"));
    assert!(Arc::ptr_eq(&one, &two));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let told: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&told);
    second.on_change(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(told.load(Ordering::Relaxed), 1, "who comes late is told what is there");
}

#[tokio::test]
async fn a_follower_that_fails_is_told_and_one_that_is_stopped_is_not() {
    let (client, _) = api();
    let stop = CancellationToken::new();
    let copies = Copies::new(client.clone(), stop.clone());
    copies.of::<ConfigMap>().synced().await;
    stop.cancel();
    let failed = tokio::time::timeout(std::time::Duration::from_millis(50), copies.failed());
    assert!(failed.await.is_err());

    let copies = Copies::new(client, CancellationToken::new());
    copies.of::<ConfigMap>().on_change(|_| panic!("a mistake"));
    copies.failed().await;
}
