use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::*;

/// A server that answers each datagram with its name, who sent it, and the datagram.
async fn server(tasks: &mut JoinSet<()>, name: &'static str) -> SocketAddr {
    let socket = UdpSocket::bind((address(), 0)).await.expect("a socket");
    let own = socket.local_addr().expect("an address");
    tasks.spawn(async move {
        let mut buffer = [0; 100];
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            let answer = format!("{name} {} {}", from.ip(), String::from_utf8_lossy(&buffer[..count]));
            socket.send_to(answer.as_bytes(), from).await.map(drop).unwrap_or_default();
        }
    });
    own
}

/// A client with an address of its own.
async fn client(frontend: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((address(), 0)).await.expect("a socket");
    socket.connect(frontend).await.expect("connected");
    socket
}

/// Sends and returns the answer; sends again what was lost.
async fn ask(socket: &UdpSocket, text: &str) -> String {
    let mut buffer = [0; 100];
    soon(async {
        loop {
            // Refused while nobody listens.
            socket.send(text.as_bytes()).await.map(drop).unwrap_or_default();
            if let Ok(Ok(count)) = timeout(Duration::from_millis(200), socket.recv(&mut buffer)).await {
                return String::from_utf8_lossy(&buffer[..count]).into_owned();
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_flow_stays_with_its_endpoint_until_that_is_gone() {
    let (mut rig, mut tasks) = (Rig::new("UDP"), JoinSet::new());
    let (a, b) = (server(&mut tasks, "a").await, server(&mut tasks, "b").await);
    rig.set(&[a, b]);
    let one = client(rig.frontend).await;
    let ip = one.local_addr().expect("an address").ip();
    let first = ask(&one, "x").await;
    let name = first.split(' ').next().unwrap_or_default().to_owned();
    assert_eq!(first, format!("{name} {ip} x"));
    for text in ["y", "z"] {
        assert_eq!(ask(&one, text).await, format!("{name} {ip} {text}"));
    }
    let other = client(rig.frontend).await;
    assert!(!ask(&other, "x").await.starts_with(&name), "the other one's turn");
    let (left, of_left) = if name == "a" { (b, "b") } else { (a, "a") };
    rig.set(&[left]);
    soon(async { while !ask(&one, "again").await.starts_with(of_left) {} }).await;
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_left() {
    let (mut rig, mut tasks) = (Rig::new("UDP"), JoinSet::new());
    rig.more = json!({"sessionAffinity": "ClientIP"});
    let gone = UdpSocket::bind((address(), 0)).await.expect("a socket").local_addr().expect("an address");
    rig.set(&[gone, server(&mut tasks, "a").await]);
    for _ in 0..3 {
        assert!(ask(&client(rig.frontend).await, "x").await.starts_with("a "));
    }
}

#[tokio::test]
async fn flows_are_bounded_and_the_newest_work() {
    let (mut rig, mut tasks) = (Rig::new("UDP"), JoinSet::new());
    rig.set(&[server(&mut tasks, "a").await]);
    let mut clients = Vec::new();
    for _ in 0..10 {
        let one = client(rig.frontend).await;
        assert!(ask(&one, "x").await.ends_with(" x"));
        clients.push(one);
    }
    assert!(ask(&clients[0], "again").await.ends_with(" again"), "a new flow for who lost the old one");
    // Ended flows leave the tracker: the frontend's own task, and a task for each of four flows.
    soon(async {
        while rig.proxy.shared.tasks.len() > 5 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn without_endpoints_clients_are_refused() {
    let (mut rig, mut tasks) = (Rig::new("UDP"), JoinSet::new());
    rig.set(&[]);
    let one = client(rig.frontend).await;
    one.send(b"x").await.expect("sent");
    let refused = soon(one.recv(&mut [0; 10])).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    rig.set(&[server(&mut tasks, "a").await]);
    assert!(ask(&one, "x").await.starts_with("a "));
}
