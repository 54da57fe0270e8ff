//! What the zone alone knows of a question, pure.

use hickory_proto::op::{Query, ResponseCode};
use hickory_proto::rr::RecordType;

use super::request::Content;
use crate::zone::{Answer, Zone};

/// Names that stand for others, one after the other, at most.
const ALIASES: usize = 8;

/// How far the zone leads.
#[derive(Debug, PartialEq)]
pub(super) enum Walk {
    Done(Content),
    /// The rest is elsewhere; the records so far lead there.
    Elsewhere {
        so_far: Content,
        query: Query,
    },
}

/// Follows a question. Addresses begin with another one each turn, so that clients that take the first share them.
pub(super) fn walk(zone: &Zone, query: &Query, turn: usize) -> Walk {
    let mut content = Content::default();
    let mut name = query.name.clone();
    for _ in 0..=ALIASES {
        match zone.lookup(&name, query.query_type) {
            Answer::Records { mut answers, additionals } => {
                if matches!(query.query_type, RecordType::A | RecordType::AAAA | RecordType::SRV) {
                    let first = turn % answers.len().max(1);
                    answers.rotate_left(first);
                }
                content.authoritative = true;
                content.answers.append(&mut answers);
                content.additionals = additionals;
                return Walk::Done(content);
            }
            Answer::Alias { record, target } => {
                content.authoritative = true;
                content.answers.push(record);
                name = target;
            }
            Answer::NoData { authority } => {
                content.authoritative = true;
                content.authorities.push(authority);
                return Walk::Done(content);
            }
            Answer::NoName { authority } => {
                content.authoritative = true;
                content.code = ResponseCode::NXDomain;
                content.authorities.push(authority);
                return Walk::Done(content);
            }
            Answer::Unready => return Walk::Done(Content::code(ResponseCode::ServFail)),
            Answer::Foreign => {
                let mut query = query.clone();
                query.name = name;
                return Walk::Elsewhere { so_far: content, query };
            }
        }
    }
    Walk::Done(Content::code(ResponseCode::ServFail))
}
