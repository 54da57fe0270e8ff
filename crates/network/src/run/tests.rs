//! The whole, against an API that the test plays.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use k8s_openapi::serde_json::{self, Value, json};
use kube::client::Body;
use parking_lot::Mutex;
use stanchion_informers::Copies;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::*;
use crate::options::Upstreams;
use crate::testing::{address, soon};

/// An API that has a watch for each kind and takes Events.
#[derive(Clone)]
struct Api {
    watches: Arc<HashMap<&'static str, Watch>>,
    events: mpsc::Sender<Value>,
}

/// What one watch is told.
struct Watch {
    changes: mpsc::Sender<Value>,
    told: Mutex<Option<mpsc::Receiver<Value>>>,
}

impl Api {
    fn new() -> (Self, mpsc::Receiver<Value>) {
        let kinds = ["services", "endpointslices", "namespaces"];
        let watch = |kind| {
            let (changes, told) = mpsc::channel(100);
            (kind, Watch { changes, told: Mutex::new(Some(told)) })
        };
        let (events, published) = mpsc::channel(10);
        (Self { watches: Arc::new(kinds.into_iter().map(watch).collect()), events }, published)
    }

    async fn tell(&self, change: &str, kind: &'static str, object: Value) {
        let change = json!({"type": change, "object": object});
        self.watches[kind].changes.send(change).await.expect("followed");
    }

    /// Ends the initial list of every kind.
    async fn listed(&self) {
        for (kind, of) in
            [("services", "Service"), ("endpointslices", "EndpointSlice"), ("namespaces", "Namespace")]
        {
            let metadata =
                json!({"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}});
            self.tell("BOOKMARK", kind, json!({"apiVersion": "v1", "kind": of, "metadata": metadata})).await;
        }
    }

    async fn answer(
        self,
        request: Request<Body>,
    ) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
        if request.method() == Method::POST {
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            self.events.send(serde_json::from_slice(&body).expect("JSON")).await.expect("a test");
            return Ok(Response::new(Full::new(body).boxed_unsync()));
        }
        let kind = request.uri().path().rsplit('/').next().unwrap_or_default();
        let told = self.watches[kind].told.lock().take().expect("watched once");
        let lines = ReceiverStream::new(told)
            .map(|change| Ok::<_, Infallible>(Frame::data(Bytes::from(format!("{change}\n")))));
        Ok(Response::new(StreamBody::new(lines).boxed_unsync()))
    }

    fn client(&self) -> Client {
        let api = self.clone();
        Client::new(tower::service_fn(move |request| api.clone().answer(request)), "default")
    }
}

fn service(name: &str, version: u32, address: SocketAddr) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "default", "name": name, "uid": name, "resourceVersion": version.to_string()},
        "spec": {"clusterIP": address.ip(), "ports": [{"name": "p", "port": address.port()}]},
    })
}

fn slice(of: &str, version: u32, endpoint: SocketAddr, ready: bool) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "namespace": "default", "name": of, "uid": format!("slice-{of}"), "resourceVersion": version.to_string(),
            "labels": {"kubernetes.io/service-name": of},
        },
        "addressType": "IPv4", "ports": [{"name": "p", "port": endpoint.port()}],
        "endpoints": [{"addresses": [endpoint.ip()], "conditions": {"ready": ready}}],
    })
}

/// A server that says `hello`.
async fn server(tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind((address(), 0)).await.expect("a listener");
    let own = listener.local_addr().expect("an address");
    tasks.spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            client.writable().await.expect("writable");
            client.try_write(b"hello").expect("written");
        }
    });
    own
}

async fn hello(address: SocketAddr) -> bool {
    let mut read = String::new();
    match TcpStream::connect(address).await {
        Ok(mut stream) => soon(stream.read_to_string(&mut read)).await.is_ok() && read == "hello",
        Err(_) => false,
    }
}

async fn code(dns: SocketAddr, name: &str) -> (ResponseCode, usize) {
    let mut message = Message::new(1, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).expect("a name"), RecordType::A));
    let socket = UdpSocket::bind((address(), 0)).await.expect("a socket");
    socket.send_to(&message.to_vec().expect("bytes"), dns).await.expect("sent");
    let mut buffer = [0; 4096];
    let count = soon(socket.recv(&mut buffer)).await.expect("a reply");
    let reply = Message::from_vec(&buffer[..count]).expect("a message");
    (reply.metadata.response_code, reply.answers.len())
}

#[tokio::test]
async fn the_network_follows_the_api() {
    let (api, mut events) = Api::new();
    let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
    let dns = SocketAddr::from((address(), 5353));
    let web = SocketAddr::from((address(), 8000));
    let taken = TcpListener::bind((address(), 8000)).await.expect("a listener");
    let endpoint = server(&mut tasks).await;
    let options =
        Options { dns_address: Some(dns), upstreams: Upstreams::Fixed(Vec::new()), ..Options::default() };
    let network = tokio::spawn(run_alone(api.client(), options, stop.clone()));

    api.tell("ADDED", "services", service("web", 1, web)).await;
    api.tell("ADDED", "endpointslices", slice("web", 1, endpoint, true)).await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "resourceVersion": "1"}});
    api.tell("ADDED", "namespaces", namespace).await;
    soon(async {
        while UdpSocket::bind(dns).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(
        code(dns, "web.default.svc.cluster.local.").await,
        (ResponseCode::ServFail, 0),
        "not all is known"
    );
    api.listed().await;
    soon(async { while !hello(web).await {} }).await;
    soon(async { while code(dns, "web.default.svc.cluster.local.").await != (ResponseCode::NoError, 1) {} })
        .await;
    assert_eq!(code(dns, "default.svc.cluster.local.").await, (ResponseCode::NoError, 0));
    assert_eq!(code(dns, "none.svc.cluster.local.").await, (ResponseCode::NXDomain, 0));

    api.tell("MODIFIED", "endpointslices", slice("web", 2, endpoint, false)).await;
    soon(async { while TcpStream::connect(web).await.is_ok() {} }).await;
    api.tell("DELETED", "services", service("web", 1, web)).await;
    soon(async { while code(dns, "web.default.svc.cluster.local.").await.0 != ResponseCode::NXDomain {} })
        .await;

    let own = taken.local_addr().expect("an address");
    api.tell("ADDED", "services", service("blocked", 3, own)).await;
    api.tell("ADDED", "endpointslices", slice("blocked", 3, endpoint, true)).await;
    let event = soon(events.recv()).await.expect("an Event");
    assert_eq!(event["regarding"]["name"], "blocked");
    assert_eq!((&event["type"], &event["reason"]), (&json!("Warning"), &json!("ListenFailed")));
    assert!(event["note"].as_str().is_some_and(|note| note.contains("another process listens")), "{event}");
    drop(taken);
    soon(async { while !hello(own).await {} }).await;

    stop.cancel();
    soon(network).await.expect("no panic").expect("no failure");
    assert!(!hello(own).await);
}

/// Runs the network with copies of its own.
async fn run_alone(client: Client, options: Options, stop: CancellationToken) -> Result<(), NetworkError> {
    let copies = Copies::new(client.clone(), stop.clone());
    run(client, &copies, options, stop).await
}

#[tokio::test]
async fn what_cannot_be_is_said_at_the_start() {
    let (api, _events) = Api::new();
    let taken = TcpListener::bind((address(), 5353)).await.expect("a listener");
    let own = taken.local_addr().expect("an address");
    let run = |options| soon(run_alone(api.client(), options, CancellationToken::new()));
    let failed = run(Options { dns_address: Some(own), ..Options::default() }).await;
    let text = failed.expect_err("taken").to_string();
    assert!(
        text.starts_with(&format!("cannot serve cluster DNS on {own}: something else listens there")),
        "{text}"
    );
    let failed = run(Options { cluster_domain: String::new(), ..Options::default() }).await;
    assert!(matches!(failed, Err(NetworkError::Domain(_))));
}
