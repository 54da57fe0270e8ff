//! Asking other resolvers.
//!
//! A message goes on as it came, and so does its answer, with whatever extensions both sides know. Each question has
//! a socket of its own, with a port that the kernel chose, and takes an answer only from whom it asked, with its id
//! and its question.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::ProtoError;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::time::timeout;

use super::request::Transport;

/// How long one resolver may take. Clients ask again after five seconds: two resolvers fit before that.
const ANSWER: Duration = Duration::from_secs(2);
/// Resolvers that are asked one after the other, as in `resolv.conf`.
const SERVERS: usize = 3;
/// The largest answer over UDP: what clients may announce.
const DATAGRAM: usize = 65_535;
/// Bytes of a header.
const HEADER: usize = 12;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum ForwardError {
    #[error("no resolver is known for names outside of the cluster")]
    NoServer,
    #[error("cannot write the question")]
    Question {
        #[source]
        source: ProtoError,
    },
    #[error("no resolver answered; the last one asked was {server}")]
    Server {
        server: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// The resolvers that are asked, the first one first.
#[derive(Debug)]
pub(super) struct Forwarder {
    servers: watch::Sender<Arc<[SocketAddr]>>,
}

impl Default for Forwarder {
    fn default() -> Self {
        Self { servers: watch::Sender::new(Arc::from([])) }
    }
}

impl Forwarder {
    /// Who is asked, to be set.
    pub(super) fn servers(&self) -> watch::Sender<Arc<[SocketAddr]>> {
        self.servers.clone()
    }

    /// Returns the answer of the first resolver that has one.
    pub(super) async fn exchange(
        &self,
        question: &[u8],
        transport: Transport,
    ) -> Result<Vec<u8>, ForwardError> {
        let servers = Arc::clone(&self.servers.borrow());
        let mut failed = None;
        let mut last = Err(ForwardError::NoServer);
        for server in servers.iter().take(SERVERS) {
            let answered = timeout(ANSWER, exchange(*server, question, transport)).await;
            match answered.unwrap_or_else(|late| Err(late.into())) {
                // SERVFAIL: another one may be able to.
                Ok(answer) if answer.get(3).is_some_and(|flags| flags & 0x0f == 2) => failed = Some(answer),
                Ok(answer) => return Ok(answer),
                Err(source) => last = Err(ForwardError::Server { server: *server, source }),
            }
        }
        failed.map_or(last, Ok)
    }
}

async fn exchange(server: SocketAddr, question: &[u8], transport: Transport) -> io::Result<Vec<u8>> {
    match transport {
        Transport::Udp => over_udp(server, question).await,
        Transport::Tcp => over_tcp(server, question).await,
    }
}

async fn over_udp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let count = socket.recv(&mut buffer).await?;
        if answers(question, buffer.get(..count).unwrap_or_default()) {
            buffer.truncate(count);
            buffer.shrink_to_fit();
            return Ok(buffer);
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let length = u16::try_from(question.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    if answers(question, &answer) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Whether this is an answer to the question: the same id and question. Some resolvers leave the question out when
/// they fail.
fn answers(question: &[u8], answer: &[u8]) -> bool {
    let (Some(asked), Some(header)) = (question.first_chunk::<HEADER>(), answer.first_chunk::<HEADER>())
    else {
        return false;
    };
    if asked[..2] != header[..2] || header[2] & 0x80 == 0 {
        return false;
    }
    let failed = header[3] & 0x0f != 0;
    if failed && header[4..6] == [0, 0] {
        return true;
    }
    let Some(end) = question_end(question) else { return false };
    header[4..6] == [0, 1]
        && answer.get(HEADER..end).is_some_and(|own| own.eq_ignore_ascii_case(&question[HEADER..end]))
}

/// Where the only question ends: after its name, type and class. `None`: it does not.
fn question_end(message: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        match length {
            0 => break,
            // The first name of a message cannot point to another one.
            1..64 => at += length,
            _ => return None,
        }
    }
    let end = at + 4;
    (end <= message.len()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flags: u8, code: u8, name: &str) -> Vec<u8> {
        let mut bytes = vec![1, 2, flags, code, 0, 1, 0, 0, 0, 0, 0, 0, 3];
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
        bytes
    }

    #[test]
    fn an_answer_has_the_id_and_the_question() {
        let question = message(1, 0, "abc");
        let bare = [1, 2, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0];
        for (answer, is) in [
            (message(0x81, 0, "abc"), true),
            (message(0x81, 0, "aBC"), true),
            (message(0x81, 0, "abd"), false),
            (message(0x01, 0, "abc"), false),
            ([&[1, 3], &message(0x81, 0, "abc")[2..]].concat(), false),
            ([&message(0x81, 0, "abc")[..], b"and records"].concat(), true),
            (bare.to_vec(), true),
            ([&bare[..3], &[0], &bare[4..]].concat(), false),
            (bare[..11].to_vec(), false),
            (Vec::new(), false),
        ] {
            assert_eq!(answers(&question, &answer), is, "{answer:?}");
        }
        assert_eq!(question_end(&question), Some(question.len()));
        assert_eq!(question_end(&question[..20]), None);
        assert_eq!(question_end(&[&question[..12], &[0xc0, 0, 0, 1, 0, 1]].concat()), None);
    }
}
