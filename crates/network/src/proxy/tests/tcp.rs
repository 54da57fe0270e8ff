use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::*;

/// A server that tells each client its name and who the client is, then sends back what it gets.
async fn server(tasks: &mut JoinSet<()>, name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((address(), 0)).await.expect("a listener");
    let own = listener.local_addr().expect("an address");
    tasks.spawn(async move {
        let mut clients = JoinSet::new();
        while let Ok((mut client, from)) = listener.accept().await {
            clients.spawn(async move {
                let (mut reader, mut writer) = client.split();
                writer
                    .write_all(format!("{name} {}\n", from.ip()).as_bytes())
                    .await
                    .map(drop)
                    .unwrap_or_default();
                // A client that breaks off ends this.
                tokio::io::copy(&mut reader, &mut writer).await.map(drop).unwrap_or_default();
                writer.shutdown().await.unwrap_or_default();
            });
        }
    });
    own
}

/// Reads the line that a server begins with.
async fn line(stream: &mut TcpStream) -> io::Result<String> {
    let mut line = Vec::new();
    loop {
        match soon(stream.read_u8()).await? {
            b'\n' => return Ok(String::from_utf8_lossy(&line).into_owned()),
            byte => line.push(byte),
        }
    }
}

/// Connects and returns the server's name.
async fn ask(frontend: SocketAddr) -> io::Result<String> {
    let mut stream = soon(TcpStream::connect(frontend)).await?;
    let line = line(&mut stream).await?;
    Ok(line.split(' ').next().unwrap_or_default().to_owned())
}

/// A port where nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind((address(), 0)).await.expect("a listener");
    listener.local_addr().expect("an address")
}

#[tokio::test]
async fn connections_go_to_ready_endpoints_in_turn() {
    let (mut rig, mut tasks) = (Rig::new("TCP"), JoinSet::new());
    let mut endpoints = [server(&mut tasks, "a").await, server(&mut tasks, "b").await];
    endpoints.sort_unstable();
    rig.set(&endpoints);
    let mut names = Vec::new();
    for _ in 0..4 {
        names.push(ask(rig.frontend).await.expect("a name"));
    }
    assert_eq!((&names[0], &names[1]), (&names[2], &names[3]));
    assert_ne!(names[0], names[1]);
    rig.set(&endpoints[..1]);
    let (first, second) =
        (ask(rig.frontend).await.expect("a name"), ask(rig.frontend).await.expect("a name"));
    assert_eq!(first, second);
}

#[tokio::test]
async fn without_endpoints_clients_are_refused_and_come_back() {
    let (mut rig, mut tasks) = (Rig::new("TCP"), JoinSet::new());
    let endpoint = server(&mut tasks, "a").await;
    rig.set(&[]);
    let refused = soon(TcpStream::connect(rig.frontend)).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    rig.set(&[endpoint]);
    let mut kept = soon(TcpStream::connect(rig.frontend)).await.expect("a connection");
    assert!(line(&mut kept).await.expect("a line").starts_with("a "));
    rig.set(&[]);
    // The listener is closed by its task, soon.
    soon(async {
        while TcpStream::connect(rig.frontend).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // What was carried goes on.
    kept.write_all(b"x").await.expect("sent");
    assert_eq!(soon(kept.read_u8()).await.expect("an answer"), b'x');
    rig.set(&[endpoint]);
    while !rig.proxy.failures.is_empty() {
        rig.retry().await;
    }
    assert_eq!(ask(rig.frontend).await.expect("a name"), "a");
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_passed_over() {
    let (mut rig, mut tasks) = (Rig::new("TCP"), JoinSet::new());
    rig.set(&[nobody().await, server(&mut tasks, "a").await, nobody().await]);
    for _ in 0..6 {
        assert_eq!(ask(rig.frontend).await.expect("a name"), "a");
    }
    rig.set(&[nobody().await, nobody().await, nobody().await, nobody().await]);
    let broken = ask(rig.frontend).await.expect_err("nobody accepts");
    assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn each_direction_ends_by_itself() {
    let mut rig = Rig::new("TCP");
    let listener = TcpListener::bind((address(), 0)).await.expect("a listener");
    rig.set(&[listener.local_addr().expect("an address")]);
    // More than all buffers on the way hold.
    let much = vec![7_u8; 8 << 20];
    for client_first in [true, false] {
        let mut client = soon(TcpStream::connect(rig.frontend)).await.expect("a connection");
        let (mut server, _) = soon(listener.accept()).await.expect("a connection");
        let (first, second) =
            if client_first { (&mut client, &mut server) } else { (&mut server, &mut client) };
        first.write_all(b"request").await.expect("sent");
        first.shutdown().await.expect("ended");
        let mut request = Vec::new();
        soon(second.read_to_end(&mut request)).await.expect("the end");
        assert_eq!(request, b"request");
        let mut answer = Vec::new();
        let (sent, read) = soon(async {
            tokio::join!(
                async {
                    second.write_all(&much).await?;
                    second.shutdown().await
                },
                first.read_to_end(&mut answer)
            )
        })
        .await;
        sent.expect("sent");
        read.expect("the end");
        assert!(answer == much, "{} bytes", answer.len());
    }
}

#[tokio::test]
async fn what_breaks_is_broken_for_the_other_side() {
    let mut rig = Rig::new("TCP");
    let listener = TcpListener::bind((address(), 0)).await.expect("a listener");
    rig.set(&[listener.local_addr().expect("an address")]);
    for client_breaks in [true, false] {
        let mut client = soon(TcpStream::connect(rig.frontend)).await.expect("a connection");
        let (mut server, _) = soon(listener.accept()).await.expect("a connection");
        client.write_all(b"x").await.expect("sent");
        assert_eq!(soon(server.read_u8()).await.expect("a byte"), b'x');
        let (breaks, mut other) = if client_breaks { (client, server) } else { (server, client) };
        breaks.set_zero_linger().expect("set");
        drop(breaks);
        let error = soon(other.read_u8()).await.expect_err("broken");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_side_that_does_not_read_stops_the_other() {
    let mut rig = Rig::new("TCP");
    let listener = TcpListener::bind((address(), 0)).await.expect("a listener");
    rig.set(&[listener.local_addr().expect("an address")]);
    let mut client = soon(TcpStream::connect(rig.frontend)).await.expect("a connection");
    let (mut server, _) = soon(listener.accept()).await.expect("a connection");
    let chunk = vec![1_u8; 1 << 20];
    let mut sent = 0_usize;
    // A full way takes nothing for a while; far above this something would hold it all.
    while let Ok(count) = timeout(Duration::from_millis(500), client.write(&chunk)).await {
        sent += count.expect("sent");
        assert!(sent < 256 << 20, "no end to what is buffered");
    }
    let mut buffer = vec![0; 1 << 20];
    let mut got = 0;
    while got < sent {
        got += soon(server.read(&mut buffer)).await.expect("read");
    }
    assert_eq!(got, sent);
}

#[tokio::test]
async fn the_server_sees_the_clients_own_address() {
    let (mut rig, mut tasks) = (Rig::new("TCP"), JoinSet::new());
    rig.set(&[server(&mut tasks, "a").await]);
    let pod = address();
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((pod, 0).into()).expect("bound");
    let mut stream = soon(socket.connect(rig.frontend)).await.expect("a connection");
    assert_eq!(line(&mut stream).await.expect("a line"), format!("a {pod}"));
    let mut stream = soon(TcpStream::connect(rig.frontend)).await.expect("a connection");
    assert_eq!(line(&mut stream).await.expect("a line"), "a 127.0.0.1");
}

#[tokio::test]
async fn a_client_stays_with_its_endpoint() {
    let (mut rig, mut tasks) = (Rig::new("TCP"), JoinSet::new());
    rig.more = json!({"sessionAffinity": "ClientIP"});
    rig.set(&[server(&mut tasks, "a").await, server(&mut tasks, "b").await, server(&mut tasks, "c").await]);
    let first = ask(rig.frontend).await.expect("a name");
    for _ in 0..5 {
        assert_eq!(ask(rig.frontend).await.expect("a name"), first);
    }
}

#[tokio::test]
async fn more_connections_than_may_be_are_reset_and_told() {
    let limits = Limits { connections: 3, per_service: 2, flows: 1 };
    let (mut rig, mut tasks) = (Rig::with("TCP", limits), JoinSet::new());
    rig.set(&[server(&mut tasks, "a").await]);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = soon(TcpStream::connect(rig.frontend)).await.expect("a connection");
        line(&mut stream).await.expect("a line");
        held.push(stream);
    }
    assert!(ask(rig.frontend).await.is_err());
    let told = soon(rig.troubles.recv()).await.expect("told");
    assert!(matches!(told.what, What::Full { limit: 2, of_all: false }), "{told:?}");
    held.pop();
    soon(async { while ask(rig.frontend).await.is_err() {} }).await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_had_when_it_is_free() {
    let (mut rig, mut tasks) = (Rig::new("TCP"), JoinSet::new());
    let taken = TcpListener::bind(rig.frontend).await.expect("a listener");
    rig.set(&[server(&mut tasks, "a").await]);
    rig.retry().await;
    rig.retry().await;
    let told = soon(rig.troubles.recv()).await.expect("told");
    assert!(
        matches!(&told.what, What::Listen { error, .. } if error.kind() == io::ErrorKind::AddrInUse),
        "{told:?}"
    );
    drop(taken);
    rig.retry().await;
    assert_eq!(ask(rig.frontend).await.expect("a name"), "a");
    assert!(rig.proxy.failures.is_empty());
}

#[tokio::test]
async fn closing_ends_everything() {
    let (mut rig, mut tasks) = (Rig::new("TCP"), JoinSet::new());
    rig.set(&[server(&mut tasks, "a").await]);
    let mut stream = soon(TcpStream::connect(rig.frontend)).await.expect("a connection");
    line(&mut stream).await.expect("a line");
    soon(rig.proxy.close()).await;
    assert!(soon(stream.read_u8()).await.is_err());
    assert!(soon(TcpStream::connect(rig.frontend)).await.is_err());
}
