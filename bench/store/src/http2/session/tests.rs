use super::*;

/// A session that has seen the server's settings; nothing is outgoing.
fn settled(slots: usize) -> Session {
    let mut session = Session::new(slots);
    receive(&mut session, &[(Kind::Settings, 0, 0, &[])]).unwrap();
    assert!(session.is_settled());
    session.outgoing().clear();
    session
}

fn request() -> Request {
    Request::new("/a.B/C", "localhost:1", b"question").unwrap()
}

type Frame<'a> = (Kind, u8, u32, &'a [u8]);

fn receive(session: &mut Session, frames: &[Frame<'_>]) -> Result<Vec<Answer>> {
    let mut bytes = Vec::new();
    for &(kind, flags, stream, payload) in frames {
        frame::push(&mut bytes, Head { kind, flags, stream }, payload);
    }
    let mut answers = Vec::new();
    assert_eq!(session.receive(&bytes, &mut answers)?, bytes.len());
    Ok(answers)
}

fn outgoing(session: &mut Session) -> Vec<(Head, Vec<u8>)> {
    let bytes = std::mem::take(session.outgoing());
    let (mut at, mut frames) = (0, Vec::new());
    while let Some((head, payload)) = frame::next(&bytes[at..]).unwrap() {
        frames.push((head, payload.to_vec()));
        at += HEAD + payload.len();
    }
    assert_eq!(at, bytes.len());
    frames
}

#[test]
fn a_session_begins_with_preface_settings_and_a_large_window() {
    let mut session = Session::new(1);
    let bytes = session.outgoing().split_off(PREFACE.len());
    assert_eq!(session.outgoing(), PREFACE);
    *session.outgoing() = bytes;
    let frames = outgoing(&mut session);
    assert_eq!(frames[0].1, [0, 2, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(frames[1].1, (window::LARGEST - window::DEFAULT).to_be_bytes());
}

#[test]
fn an_answer_is_a_message_and_trailers() {
    let mut session = settled(2);
    assert!(session.open(1, &mut request()).unwrap());
    let answers = receive(
        &mut session,
        &[
            (Kind::Headers, frame::END_HEADERS, 1, &[0x88]),
            (Kind::Data, 0, 1, b"\0\0\0"),
            (Kind::Data, 0, 1, b"\0\x06ans"),
            (Kind::Data, 0, 1, b"wer"),
            (Kind::Headers, frame::END_HEADERS | END_STREAM, 1, &[0xbf]),
        ],
    );
    let expected = Answer { slot: 1, length: 6, message: Some(b"answer".to_vec()) };
    assert_eq!(answers.unwrap(), [expected]);
}

#[test]
fn only_the_first_message_is_kept_and_slots_are_reused() {
    let mut session = settled(1);
    for stream in [1, 3, 5] {
        assert!(session.open(0, &mut request()).unwrap());
        let trailers = (Kind::Headers, END_STREAM, stream, &[0xbf][..]);
        let answers = receive(&mut session, &[(Kind::Data, 0, stream, b"\0\0\0\0\x01x"), trailers]).unwrap();
        assert_eq!(answers[0].message.is_some(), stream == 1);
    }
}

#[test]
fn a_frame_that_is_cut_off_waits_for_its_rest() {
    let mut session = settled(1);
    let mut answers = Vec::new();
    assert_eq!(session.receive(&[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2], &mut answers).unwrap(), 0);
}

#[test]
fn trailers_without_a_message_fail_with_the_status() {
    let mut session = settled(1);
    session.open(0, &mut request()).unwrap();
    let trailers = b"\x88\x00\x0bgrpc-status\x0214";
    let error = receive(&mut session, &[(Kind::Headers, END_STREAM, 1, trailers)]).unwrap_err();
    assert_eq!(format!("{error:#}"), "a call failed with grpc-status 14: the answer has no message");
}

#[test]
fn a_short_message_a_reset_and_a_strange_stream_fail() {
    let trailers = (Kind::Headers, END_STREAM, 1, &[0xbf][..]);
    for frames in [
        &[(Kind::Data, 0, 1, &b"\0\0\0\0\x02x"[..]), trailers][..],
        &[(Kind::ResetStream, 0, 1, &[0, 0, 0, 7])],
        &[(Kind::Data, 0, 3, b"\0\0\0\0\x01x")],
        &[(Kind::GoAway, 0, 0, &[0; 8])],
    ] {
        let mut session = settled(1);
        session.open(0, &mut request()).unwrap();
        assert!(receive(&mut session, frames).is_err(), "{frames:?}");
    }
}

#[test]
fn settings_and_pings_are_acknowledged() {
    let mut session = settled(1);
    let ping = (Kind::Ping, 0, 0, &[1, 2, 3, 4, 5, 6, 7, 8][..]);
    receive(&mut session, &[(Kind::Settings, 0, 0, &[0, 4, 0, 1, 0, 0]), ping]).unwrap();
    let frames = outgoing(&mut session);
    let control = |kind| Head { kind, flags: ACK, stream: 0 };
    assert_eq!(frames[0], (control(Kind::Settings), vec![]));
    assert_eq!(frames[1], (control(Kind::Ping), vec![1, 2, 3, 4, 5, 6, 7, 8]));

    receive(&mut session, &[(Kind::Ping, ACK, 0, &[0; 8]), (Kind::Settings, ACK, 0, &[])]).unwrap();
    assert!(session.outgoing().is_empty(), "acknowledgements are not answered");
}

#[test]
fn a_used_up_window_delays_calls_until_the_server_grants_more() {
    let mut session = settled(2);
    let mut large = Request::new("/a.B/C", "localhost:1", &[0; 16_000]).unwrap();
    for stream in [1, 3, 5, 7] {
        assert!(session.open(0, &mut large).unwrap());
        let trailers = (Kind::Headers, END_STREAM, stream, &[0xbf][..]);
        receive(&mut session, &[(Kind::Data, 0, stream, b"\0\0\0\0\x01x"), trailers]).unwrap();
    }
    assert!(!session.open(0, &mut large).unwrap(), "65,535 bytes hold four requests");
    receive(&mut session, &[(Kind::WindowUpdate, 0, 0, &[0, 0, 0x3e, 0x85])]).unwrap();
    assert!(session.open(0, &mut large).unwrap());
}

#[test]
fn a_server_must_allow_all_slots_at_once() {
    let mut session = Session::new(3);
    assert!(receive(&mut session, &[(Kind::Settings, 0, 0, &[0, 3, 0, 0, 0, 2])]).is_err());
}
