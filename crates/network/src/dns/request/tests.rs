use std::net::Ipv4Addr;

use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData};
use proptest::prelude::*;

use super::*;

fn name() -> Name {
    Name::from_ascii("Web.default.svc.cluster.local.").expect("a name")
}

fn question(change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Message::new(77, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name(), RecordType::A));
    change(&mut message);
    message.to_vec().expect("bytes")
}

/// The code of the reply to what is refused. `None`: it is not.
fn refused(bytes: &[u8]) -> Option<u16> {
    match Request::read(bytes, Transport::Udp) {
        Err(Refused::Reply(reply)) => {
            let reply = Message::from_vec(&reply).expect("a message");
            assert_eq!((reply.metadata.id, reply.metadata.message_type), (77, MessageType::Response));
            Some(reply.metadata.response_code.into())
        }
        Ok(_) => None,
        Err(Refused::Silent) => panic!("no reply"),
    }
}

#[test]
fn what_is_no_question_is_refused() {
    for (bytes, code) in [
        (question(|_| ()), None),
        (question(|message| message.metadata.op_code = OpCode::Update), Some(ResponseCode::NotImp)),
        (question(|message| message.metadata.op_code = OpCode::Status), Some(ResponseCode::NotImp)),
        (question(|message| message.queries.clear()), Some(ResponseCode::FormErr)),
        (question(|message| message.queries.push(Query::default())), Some(ResponseCode::FormErr)),
        (
            question(|message| {
                message.queries[0].set_query_type(RecordType::AXFR);
            }),
            Some(ResponseCode::Refused),
        ),
        (
            question(|message| {
                message.queries[0].set_query_class(DNSClass::CH);
            }),
            Some(ResponseCode::Refused),
        ),
        (
            question(|message| {
                message.set_edns(own_edns().set_version(1).clone());
            }),
            Some(ResponseCode::BADVERS),
        ),
        ([&question(|_| ())[..20], &[0xff]].concat(), Some(ResponseCode::FormErr)),
    ] {
        assert_eq!(refused(&bytes), code.map(u16::from), "{bytes:?}");
    }
    let answer = question(|message| message.metadata.message_type = MessageType::Response);
    for silent in [&answer[..], &answer[..20], &question(|_| ())[..11], b""] {
        assert_eq!(Request::read(silent, Transport::Udp).err(), Some(Refused::Silent), "{silent:?}");
    }
}

fn reply(bytes: &[u8], transport: Transport, answers: u8) -> (Message, usize) {
    let request = Request::read(bytes, transport).expect("a question");
    let record = |last| Record::from_rdata(name(), 5, RData::A(A(Ipv4Addr::new(127, 64, 0, last))));
    let content = Content {
        authoritative: true,
        answers: (0..answers).map(record).collect(),
        additionals: vec![record(255)],
        ..Content::default()
    };
    let bytes = request.reply(content).expect("a reply");
    (Message::from_vec(&bytes).expect("a message"), bytes.len())
}

#[test]
fn a_reply_echoes_the_question() {
    let (message, _) = reply(&question(|_| ()), Transport::Udp, 1);
    let metadata = message.metadata;
    assert!(metadata.authoritative && metadata.recursion_desired && metadata.recursion_available);
    assert!(!metadata.truncation && message.edns.is_none());
    assert!(message.queries[0].name.eq_case(&name()));
    assert_eq!((message.answers.len(), message.additionals.len()), (1, 1));
    let (message, _) = reply(
        &question(|message| {
            message.set_edns(own_edns());
        }),
        Transport::Udp,
        1,
    );
    assert_eq!(message.edns.map(|edns| edns.max_payload()), Some(PAYLOAD));
}

#[test]
fn what_does_not_fit_is_left_out_and_said() {
    let payload = |size| {
        question(|message| {
            message.set_edns(own_edns().set_max_payload(size).clone());
        })
    };
    for (bytes, transport, limit) in [
        (question(|_| ()), Transport::Udp, 512),
        (payload(100), Transport::Udp, 512),
        (payload(1000), Transport::Udp, 1000),
        (payload(65_000), Transport::Udp, 1232),
    ] {
        let (message, length) = reply(&bytes, transport, 200);
        assert!(message.metadata.truncation);
        assert!(length <= limit && length + 16 > limit, "{length} of {limit}");
        assert_eq!(message.answers[0].data, RData::A(A(Ipv4Addr::new(127, 64, 0, 0))));
        assert!(message.additionals.is_empty());
    }
    let (message, _) = reply(&question(|_| ()), Transport::Tcp, 200);
    assert_eq!((message.metadata.truncation, message.answers.len()), (false, 200));
    // 12 of the header, 35 of the question, 16 for each answer.
    let (message, length) = reply(&question(|_| ()), Transport::Udp, 29);
    assert_eq!(
        (message.metadata.truncation, message.answers.len(), length),
        (false, 29, 511),
        "additional ones go first"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    #[test]
    fn no_damaged_question_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = question(|message| { message.set_edns(own_edns()); });
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        check(&bytes)?;
    }
}

/// Every reply is a message with the question's id.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let reply = match Request::read(bytes, Transport::Udp) {
        Ok(request) => request.reply(Content::code(ResponseCode::NXDomain)).ok(),
        Err(Refused::Reply(reply)) => Some(reply),
        Err(Refused::Silent) => None,
    };
    if let Some(reply) = reply {
        prop_assert!(Message::from_vec(&reply).is_ok());
        prop_assert_eq!(&reply[..2], &bytes[..2]);
        prop_assert!(reply[2] & 0x80 != 0);
    }
    Ok(())
}
