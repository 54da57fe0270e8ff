//! From bytes to a question, and from an answer to bytes; pure.

#[cfg(test)]
mod tests;

use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Record, RecordType};

/// Bytes of a header.
const HEADER: usize = 12;
/// What every client takes over UDP.
const PLAIN: u16 = 512;
/// What is sent over UDP at most, and said to be taken: fits every path without fragments.
const PAYLOAD: u16 = 1232;

/// How a question came, and so how long its answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// A question that can be answered.
#[derive(Debug, Clone)]
pub(super) struct Request {
    metadata: Metadata,
    pub(super) query: Query,
    /// Whether there is a question at all; if not, `query` is none of the client's.
    is_asked: bool,
    /// What the client takes over UDP, if it said.
    edns: Option<u16>,
    transport: Transport,
}

/// What cannot be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Not a question, or not enough of it.
    Silent,
    /// The reply that says why.
    Reply(Vec<u8>),
}

/// What a reply says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Content {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) answers: Vec<Record>,
    pub(super) authorities: Vec<Record>,
    pub(super) additionals: Vec<Record>,
}

impl Content {
    /// Says no more than a code.
    pub(super) fn code(code: ResponseCode) -> Self {
        Self { code, ..Self::default() }
    }
}

impl Request {
    /// Reads a question.
    pub(super) fn read(bytes: &[u8], transport: Transport) -> Result<Self, Refused> {
        let message = match Message::from_vec(bytes) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%error, "a message cannot be read");
                return Err(malformed(bytes));
            }
        };
        let metadata = message.metadata;
        if metadata.message_type == MessageType::Response {
            return Err(Refused::Silent);
        }
        let edns = message.edns.as_ref();
        let mut request = Self {
            metadata,
            query: message.queries.first().cloned().unwrap_or_default(),
            is_asked: !message.queries.is_empty(),
            edns: edns.map(|edns| edns.max_payload().max(PLAIN)),
            transport,
        };
        let code = if metadata.op_code != OpCode::Query {
            ResponseCode::NotImp
        } else if message.queries.len() != 1 {
            ResponseCode::FormErr
        } else if edns.is_some_and(|edns| edns.version() != 0) {
            ResponseCode::BADVERS
        } else if request.query.query_class != DNSClass::IN
            || matches!(request.query.query_type, RecordType::AXFR | RecordType::IXFR)
        {
            ResponseCode::Refused
        } else {
            request.query.name.set_fqdn(true);
            return Ok(request);
        };
        Err(match request.reply(Content::code(code)) {
            Ok(bytes) => Refused::Reply(bytes),
            Err(_) => Refused::Silent,
        })
    }

    /// How the question came.
    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Builds the question about another name, as this one.
    pub(super) fn instead(&self, query: Query) -> Result<Vec<u8>, ProtoError> {
        let mut message = Message::new(self.metadata.id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.metadata.checking_disabled = self.metadata.checking_disabled;
        message.add_query(query);
        message.set_edns(own_edns());
        message.to_vec()
    }

    /// Builds the reply. What does not fit in a datagram is left out, and the reply says so.
    pub(super) fn reply(&self, content: Content) -> Result<Vec<u8>, ProtoError> {
        let Content { code, authoritative, answers, authorities, additionals } = content;
        let mut message = Message::response(self.metadata.id, self.metadata.op_code);
        message.metadata = Metadata::response_from_request(&self.metadata);
        message.metadata.recursion_available = true;
        message.metadata.authoritative = authoritative;
        message.metadata.response_code = code;
        if self.is_asked {
            message.add_query(self.query.clone());
        }
        message.answers = answers;
        message.authorities = authorities;
        message.additionals = additionals;
        if self.edns.is_some() {
            message.set_edns(own_edns());
        }
        let limit = match self.transport {
            Transport::Udp => usize::from(self.edns.unwrap_or(PLAIN).min(PAYLOAD)),
            Transport::Tcp => usize::from(u16::MAX),
        };
        fit(message, limit)
    }
}

fn own_edns() -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD).set_version(0);
    edns
}

/// Leaves out additional records, then as many answers as needed.
fn fit(mut message: Message, limit: usize) -> Result<Vec<u8>, ProtoError> {
    let bytes = message.to_vec()?;
    if bytes.len() <= limit {
        return Ok(bytes);
    }
    message.additionals.clear();
    let bytes = message.to_vec()?;
    if bytes.len() <= limit {
        return Ok(bytes);
    }
    message.metadata.truncation = true;
    let all = std::mem::take(&mut message.answers);
    // The largest number of answers that fits lies in `fits..too_many`.
    let (mut fits, mut too_many) = (0, all.len());
    let mut best = message.to_vec()?;
    while fits + 1 < too_many {
        let middle = usize::midpoint(fits, too_many);
        message.answers = all.get(..middle).unwrap_or_default().to_vec();
        let bytes = message.to_vec()?;
        if bytes.len() <= limit {
            (fits, best) = (middle, bytes);
        } else {
            too_many = middle;
        }
    }
    Ok(best)
}

/// Replies to what is at least a header of a question.
fn malformed(bytes: &[u8]) -> Refused {
    let (Some([high, low, flags, ..]), true) = (bytes.first_chunk::<3>(), bytes.len() >= HEADER) else {
        return Refused::Silent;
    };
    if flags & 0x80 != 0 {
        return Refused::Silent;
    }
    let id = u16::from_be_bytes([*high, *low]);
    let op_code = OpCode::from_u8((flags >> 3) & 0x0f);
    let message = Message::error_msg(id, op_code, ResponseCode::FormErr);
    message.to_vec().map_or(Refused::Silent, Refused::Reply)
}
