//! From a question to its reply.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Message, Query, ResponseCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::forward::{ForwardError, Forwarder};
use super::request::{Content, Refused, Request, Transport};
use super::walk::{Walk, walk};
use crate::zone::Zone;

/// Questions that are being asked elsewhere, at most. Each holds a socket.
const ELSEWHERE: usize = 256;

/// The flag of an answer that did not fit, in the third byte.
const TRUNCATED: u8 = 0x02;

/// Answers questions; shared by all sockets.
#[derive(Debug)]
pub(super) struct Resolver {
    zone: watch::Receiver<Zone>,
    own: SocketAddr,
    forwarder: Forwarder,
    elsewhere: Arc<Semaphore>,
    turn: AtomicUsize,
}

/// What is to be done with a question.
#[derive(Debug)]
pub(super) enum Outcome {
    Nothing,
    Reply(Vec<u8>),
    /// Others are to be asked.
    Ask(Box<Elsewhere>),
}

/// A question that others are asked, and the right to ask.
#[derive(Debug)]
pub(super) struct Elsewhere {
    request: Request,
    /// As it came.
    bytes: Vec<u8>,
    so_far: Content,
    query: Query,
    _permit: OwnedSemaphorePermit,
}

impl Resolver {
    pub(super) fn new(zone: watch::Receiver<Zone>, own: SocketAddr) -> Self {
        Self {
            zone,
            own,
            forwarder: Forwarder::default(),
            elsewhere: Arc::new(Semaphore::new(ELSEWHERE)),
            turn: AtomicUsize::new(0),
        }
    }

    /// The address that is served.
    pub(super) fn own(&self) -> SocketAddr {
        self.own
    }

    pub(super) fn forwarder(&self) -> &Forwarder {
        &self.forwarder
    }

    /// Answers what the zone knows.
    pub(super) fn answer(&self, bytes: &[u8], transport: Transport) -> Outcome {
        let request = match Request::read(bytes, transport) {
            Ok(request) => request,
            Err(Refused::Silent) => return Outcome::Nothing,
            Err(Refused::Reply(reply)) => return Outcome::Reply(reply),
        };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let walked = walk(&self.zone.borrow(), &request.query, turn);
        match walked {
            Walk::Done(content) => reply(&request, content),
            Walk::Elsewhere { so_far, query } => {
                let Ok(permit) = Arc::clone(&self.elsewhere).try_acquire_owned() else {
                    tracing::debug!(name = %query.name, "too many questions are being asked elsewhere");
                    return reply(&request, Content::code(ResponseCode::ServFail));
                };
                let bytes = bytes.to_vec();
                Outcome::Ask(Box::new(Elsewhere { request, bytes, so_far, query, _permit: permit }))
            }
        }
    }

    /// Asks others over UDP, and over TCP if the answer is longer.
    async fn complete(&self, question: &[u8]) -> Result<Vec<u8>, ForwardError> {
        let answer = self.forwarder.exchange(question, Transport::Udp).await?;
        if answer.get(2).is_some_and(|flags| flags & TRUNCATED != 0) {
            return self.forwarder.exchange(question, Transport::Tcp).await;
        }
        Ok(answer)
    }

    /// Asks others. Returns the reply; `None`: there is nothing to say.
    pub(super) async fn ask(&self, elsewhere: Elsewhere) -> Option<Vec<u8>> {
        let Elsewhere { request, bytes, so_far, query, _permit } = elsewhere;
        // A question that is not ours at all goes on as it is, and so does its answer.
        let whole = so_far.answers.is_empty();
        let answered = if whole {
            self.forwarder.exchange(&bytes, request.transport()).await
        } else {
            match request.instead(query) {
                Ok(instead) => self.complete(&instead).await,
                Err(source) => Err(ForwardError::Question { source }),
            }
        };
        let content = match answered {
            Ok(answer) if whole => return Some(answer),
            Ok(answer) => continued(so_far, &answer),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a question is not answered");
                let refused = matches!(error, ForwardError::NoServer);
                Content::code(if refused { ResponseCode::Refused } else { ResponseCode::ServFail })
            }
        };
        match reply(&request, content) {
            Outcome::Reply(reply) => Some(reply),
            Outcome::Nothing | Outcome::Ask(_) => None,
        }
    }
}

/// Adds what others say to what the zone says.
fn continued(mut so_far: Content, answer: &[u8]) -> Content {
    match Message::from_vec(answer) {
        Ok(message) => {
            so_far.code = message.metadata.response_code;
            so_far.answers.extend(message.answers);
            so_far.authorities.extend(message.authorities);
            so_far
        }
        Err(error) => {
            tracing::debug!(%error, "an answer cannot be read");
            Content::code(ResponseCode::ServFail)
        }
    }
}

fn reply(request: &Request, content: Content) -> Outcome {
    match request.reply(content) {
        Ok(bytes) => Outcome::Reply(bytes),
        Err(error) => {
            tracing::debug!(%error, "a reply cannot be written");
            Outcome::Nothing
        }
    }
}
