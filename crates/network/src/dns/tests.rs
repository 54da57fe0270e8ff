//! With real sockets on loopback, and a resolver that the test plays.

use std::net::Ipv4Addr;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, NULL};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use k8s_openapi::serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::*;
use crate::services::tests::{ready, service, slice};
use crate::testing::soon;

fn zone() -> Zone {
    let mut zone = Zone::new("cluster.local", None).expect("a domain");
    zone.put_namespace("default", true);
    let members: Vec<Value> = (1..100).map(|last| ready(&format!("127.64.0.{last}"))).collect();
    for (name, spec, slices) in [
        ("web", json!({"clusterIP": "127.96.0.7"}), vec![]),
        ("many", json!({"clusterIP": "None"}), vec![slice(&json!({"port": 1}), &members)]),
        ("out", json!({"type": "ExternalName", "externalName": "example.com"}), vec![]),
        ("inner", json!({"type": "ExternalName", "externalName": "web.default.svc.cluster.local"}), vec![]),
        ("loop", json!({"type": "ExternalName", "externalName": "loop.default.svc.cluster.local"}), vec![]),
        (
            "nowhere",
            json!({"type": "ExternalName", "externalName": "none.default.svc.cluster.local"}),
            vec![],
        ),
    ] {
        let service = service(name, spec, &slices);
        zone.put_service(&service.key.clone(), Some(service));
    }
    zone.set_ready();
    zone
}

/// A server, and what ends it.
struct Rig {
    address: SocketAddr,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Rig {
    async fn new(zone: Zone, upstreams: Vec<SocketAddr>) -> Self {
        let (sender, zones) = watch::channel(zone);
        let bound = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), Upstreams::Fixed(upstreams), zones).await;
        let server = bound.expect("a server");
        let (address, stop, mut tasks) =
            (server.address().expect("an address"), CancellationToken::new(), JoinSet::new());
        // Before the first question, as `follow` does.
        let serve = server.serve(stop.clone());
        tasks.spawn(async move {
            serve.await;
            drop(sender);
        });
        Self { address, tasks, stop }
    }

    async fn udp(&self, bytes: &[u8]) -> Message {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
        socket.send_to(bytes, self.address).await.expect("sent");
        let mut buffer = [0; 4096];
        let count = soon(socket.recv(&mut buffer)).await.expect("a reply");
        Message::from_vec(&buffer[..count]).expect("a message")
    }

    async fn tcp(&self, bytes: &[u8]) -> Message {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let mut reply = Vec::new();
        // Twice on one connection.
        for _ in 0..2 {
            let length = u16::try_from(bytes.len()).expect("short").to_be_bytes();
            stream.write_all(&[&length, bytes].concat()).await.expect("sent");
            reply = vec![0; usize::from(soon(stream.read_u16()).await.expect("a length"))];
            soon(stream.read_exact(&mut reply)).await.expect("a reply");
        }
        Message::from_vec(&reply).expect("a message")
    }

    /// The reply over UDP in one line.
    async fn ask(&self, name: &str) -> String {
        let reply = self.udp(&question(name)).await;
        let answers: Vec<String> = reply.answers.iter().map(|record| record.data.to_string()).collect();
        format!("{:?} {}", reply.metadata.response_code, answers.join(" "))
    }
}

fn question(name: &str) -> Vec<u8> {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).expect("a name"), RecordType::A));
    message.to_vec().expect("bytes")
}

/// A resolver over UDP that answers each question with a code and an address, after a datagram that is no answer.
async fn upstream(tasks: &mut JoinSet<()>, code: ResponseCode, last: u8) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    let own = socket.local_addr().expect("an address");
    tasks.spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            let mut message = Message::from_vec(&buffer[..count]).expect("a question").into_response();
            message.metadata.response_code = code;
            let name = message.queries[0].name.clone();
            message.add_answer(Record::from_rdata(name, 60, RData::A(A(Ipv4Addr::new(192, 0, 2, last)))));
            socket.send_to(b"no answer", from).await.expect("sent");
            socket.send_to(&message.to_vec().expect("bytes"), from).await.expect("sent");
        }
    });
    own
}

#[tokio::test]
async fn names_of_the_cluster_are_answered_over_udp_and_tcp() {
    let rig = Rig::new(zone(), Vec::new()).await;
    let question = question("web.default.svc.cluster.local.");
    for reply in [rig.udp(&question).await, rig.tcp(&question).await] {
        assert_eq!(reply.metadata.id, 4711);
        assert!(reply.metadata.authoritative);
        assert_eq!(reply.answers[0].data, RData::A(A(Ipv4Addr::new(127, 96, 0, 7))));
    }
    assert_eq!(rig.ask("none.default.svc.cluster.local.").await, "NXDomain ");
    assert_eq!(rig.ask("default.svc.cluster.local.").await, "NoError ");
    rig.stop.cancel();
    assert_eq!(soon(rig.tasks.join_all()).await.len(), 1);
}

#[tokio::test]
async fn a_long_answer_is_whole_over_tcp_and_begins_elsewhere_each_time() {
    let rig = Rig::new(zone(), Vec::new()).await;
    let question = question("many.default.svc.cluster.local.");
    let (short, again) = (rig.udp(&question).await, rig.udp(&question).await);
    assert!(short.metadata.truncation && short.answers.len() < 99);
    assert_ne!(short.answers[0], again.answers[0]);
    let whole = rig.tcp(&question).await;
    assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 99));
}

#[tokio::test]
async fn other_names_are_asked_elsewhere() {
    let mut tasks = JoinSet::new();
    let broken = upstream(&mut tasks, ResponseCode::ServFail, 1).await;
    let gone =
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket").local_addr().expect("an address");
    let good = upstream(&mut tasks, ResponseCode::NoError, 2).await;
    let rig = Rig::new(zone(), vec![broken, gone, good]).await;
    until_forwarding(&rig).await;
    assert_eq!(rig.ask("example.com.").await, "NoError 192.0.2.2");
    assert_eq!(rig.ask("out.default.svc.cluster.local.").await, "NoError example.com. 192.0.2.2");
    let only_broken = Rig::new(zone(), vec![broken, gone]).await;
    until_forwarding(&only_broken).await;
    assert_eq!(only_broken.ask("example.com.").await, "ServFail 192.0.2.1", "its answer, as it came");
}

/// A resolver whose answers over UDP are cut off.
async fn long_upstream(tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a listener");
    let own = listener.local_addr().expect("an address");
    let socket = UdpSocket::bind(own).await.expect("a socket");
    let answer = |bytes: &[u8], answers: u8| {
        let mut message = Message::from_vec(bytes).expect("a question").into_response();
        message.metadata.truncation = answers == 0;
        let name = message.queries[0].name.clone();
        let record = |last| Record::from_rdata(name.clone(), 60, RData::A(A(Ipv4Addr::new(192, 0, 2, last))));
        message.add_answers((0..answers).map(record));
        message.to_vec().expect("bytes")
    };
    tasks.spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            socket.send_to(&answer(&buffer[..count], 0), from).await.expect("sent");
        }
    });
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
            stream.read_exact(&mut question).await.expect("a question");
            let answer = answer(&question, 20);
            let length = u16::try_from(answer.len()).expect("short").to_be_bytes();
            stream.write_all(&[&length, &*answer].concat()).await.expect("sent");
        }
    });
    own
}

#[tokio::test]
async fn long_answers_from_elsewhere_come_over_tcp() {
    let mut tasks = JoinSet::new();
    let rig = Rig::new(zone(), vec![long_upstream(&mut tasks).await]).await;
    until_forwarding(&rig).await;
    let reply = rig.udp(&question("example.com.")).await;
    assert_eq!((reply.metadata.truncation, reply.answers.len()), (true, 0), "as it came");
    let reply = rig.tcp(&question("example.com.")).await;
    assert_eq!((reply.metadata.truncation, reply.answers.len()), (false, 20));
    let reply = rig.udp(&question("out.default.svc.cluster.local.")).await;
    assert_eq!(
        (reply.metadata.truncation, reply.answers.len()),
        (false, 21),
        "the name and all it stands for"
    );
}

/// The list of resolvers is set by a task, soon.
async fn until_forwarding(rig: &Rig) {
    soon(async { while rig.ask("example.org.").await.starts_with("Refused") {} }).await;
}

#[tokio::test]
async fn names_that_stand_for_others_lead_on() {
    let rig = Rig::new(zone(), Vec::new()).await;
    for (name, reply) in [
        ("inner", "NoError web.default.svc.cluster.local. 127.96.0.7"),
        ("nowhere", "NXDomain none.default.svc.cluster.local."),
        ("loop", "ServFail "),
        ("out", "Refused "),
    ] {
        assert_eq!(rig.ask(&format!("{name}.default.svc.cluster.local.")).await, reply, "{name}");
    }
    assert_eq!(rig.ask("example.com.").await, "Refused ", "nobody to ask");
}

#[tokio::test]
async fn nothing_is_denied_before_the_services_are_known() {
    let rig = Rig::new(Zone::new("cluster.local", None).expect("a domain"), Vec::new()).await;
    assert_eq!(rig.ask("web.default.svc.cluster.local.").await, "ServFail ");
}

#[tokio::test]
async fn damaged_messages_do_not_end_it() {
    let rig = Rig::new(zone(), Vec::new()).await;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    for bytes in [&b""[..], b"x", &[0xff; 12], &[0; 4096], &question("web.default.svc.cluster.local.")[..15]]
    {
        socket.send_to(bytes, rig.address).await.expect("sent");
        let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
        stream.write_all(&[&[0, 200], bytes].concat()).await.expect("sent");
    }
    assert_eq!(rig.ask("web.default.svc.cluster.local.").await, "NoError 127.96.0.7");
    let null = RData::NULL(NULL::with(vec![1]));
    let mut message = Message::from_vec(&question("web.default.svc.cluster.local.")).expect("a message");
    message.add_answer(Record::from_rdata(Name::root(), 1, null));
    assert_eq!(
        rig.udp(&message.to_vec().expect("bytes")).await.metadata.response_code,
        ResponseCode::NoError
    );
}

#[tokio::test]
async fn resolvers_of_a_file_are_followed_without_this_server() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(
        file.path(),
        "search a.example\nnameserver 127.0.0.1\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n",
    )
    .expect("written");
    let (servers, stop) = (watch::Sender::new(Arc::from([])), CancellationToken::new());
    let mut seen = servers.subscribe();
    let own = SocketAddr::from(([127, 0, 0, 1], 53));
    let path = Upstreams::ResolvConf(file.path().to_owned());
    let mut tasks = JoinSet::new();
    tasks.spawn(upstreams::follow(path, own, servers, stop.clone()));
    soon(seen.changed()).await.expect("set");
    let found: Vec<String> = seen.borrow().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["192.0.2.1:53", "[2001:db8::1]:53"]);
    stop.cancel();
    soon(tasks.join_all()).await;
}
