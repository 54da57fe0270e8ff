use super::*;

const DATA: Head = Head { kind: Kind::Data, flags: END_STREAM, stream: 7 };

#[test]
fn a_frame_survives_encoding_and_decoding() {
    let mut bytes = Vec::new();
    push(&mut bytes, DATA, b"payload");
    push(&mut bytes, Head { kind: Kind::Ping, flags: ACK, stream: 0 }, &[1; 8]);

    let (head, payload) = next(&bytes).unwrap().unwrap();
    assert_eq!((head, payload), (DATA, &b"payload"[..]));
    let (head, payload) = next(&bytes[HEAD + 7..]).unwrap().unwrap();
    assert_eq!((head.kind, head.has(ACK), payload), (Kind::Ping, true, &[1; 8][..]));
}

#[test]
fn the_bytes_are_those_of_the_specification() {
    let mut bytes = Vec::new();
    push(&mut bytes, DATA, &[0xaa, 0xbb]);
    assert_eq!(bytes, [0, 0, 2, 0, 1, 0, 0, 0, 7, 0xaa, 0xbb]);
    assert_eq!(bytes[STREAM_OFFSET..HEAD], 7_u32.to_be_bytes());
}

#[test]
fn every_proper_prefix_is_incomplete() {
    let mut bytes = Vec::new();
    push(&mut bytes, DATA, b"payload");
    for end in 0..bytes.len() {
        assert!(next(&bytes[..end]).unwrap().is_none(), "{end} bytes");
    }
}

#[test]
fn the_reserved_bit_of_a_stream_is_ignored() {
    let (head, _) = next(&[0, 0, 0, 0, 0, 0x80, 0, 0, 3]).unwrap().unwrap();
    assert_eq!(head.stream, 3);
    assert_eq!(number(&[0x80, 0, 1, 0]), Some(256));
}

#[test]
fn an_oversized_frame_is_refused_before_it_has_arrived() {
    assert!(next(&[0, 0x40, 1, 0, 0, 0, 0, 0, 1]).is_err());
}

#[test]
fn unknown_kinds_are_told_apart_from_known_ones() {
    let (head, _) = next(&[0, 0, 0, 0x2a, 0, 0, 0, 0, 0]).unwrap().unwrap();
    assert_eq!(head.kind, Kind::Other);
}
