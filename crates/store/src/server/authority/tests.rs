use super::*;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
    frame.extend(payload);
    frame
}

/// A block as clients send it: method, scheme, path, authority, content type by name.
fn block(authority: &[u8], first: u8) -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x44, 2];
    block.extend(b"/x");
    block.push(first);
    block.push(u8::try_from(authority.len()).unwrap());
    block.extend(authority);
    block.extend([0x5f, 3]);
    block.extend(b"abc");
    block.extend([0x40, 2]);
    block.extend(b"te");
    block.push(8);
    block.extend(b"trailers");
    block
}

fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE.to_vec(), frame(4, 0, &[0; 6])].iter().chain(frames).flatten().copied().collect()
}

/// Mends in pieces of every size, which must all give the same.
fn mend(bytes: &[u8]) -> Vec<u8> {
    let mut whole = bytes.to_vec();
    AuthorityMender::default().mend(&mut whole);
    for size in 1..20 {
        let mut pieces = bytes.to_vec();
        let mut mender = AuthorityMender::default();
        pieces.chunks_mut(size).for_each(|piece| mender.mend(piece));
        assert_eq!(pieces, whole, "pieces of {size}");
    }
    whole
}

#[test]
fn literal_authorities_are_overwritten_and_nothing_else_is() {
    let bad = b"http://127.0.0.1:2379";
    for first in [0x41, 0x01, 0x11] {
        let before = stream(&[frame(HEADERS, END_HEADERS, &block(bad, first)), frame(0, 1, bad)]);
        let after = stream(&[frame(HEADERS, END_HEADERS, &block(&[PLAIN; 21], first)), frame(0, 1, bad)]);
        assert_eq!(mend(&before), after, "{first:x}");
    }
}

#[test]
fn huffman_stays_huffman() {
    let mut bad = block(&[0x9d, 0x29, 0xae, 0xe3], 0x41);
    bad[7] |= 0x80;
    let mut good = block(&[HUFFMAN; 4], 0x41);
    good[7] |= 0x80;
    assert_eq!(
        mend(&stream(&[frame(HEADERS, END_HEADERS, &bad)])),
        stream(&[frame(HEADERS, END_HEADERS, &good)])
    );
}

#[test]
fn padding_priority_and_continuation_are_passed() {
    let (bad, good) = (block(b"http://a", 0x41), block(&[PLAIN; 8], 0x41));
    let padded = |block: &[u8]| {
        let mut payload = vec![3, 0x41, 1, 2, 3, 4];
        payload.extend(block);
        payload.extend([0x41, 1, 7]);
        frame(HEADERS, END_HEADERS | PADDED | PRIORITY, &payload)
    };
    let prioritised = |block: &[u8]| {
        let mut payload = vec![0x41, 1, 2, 3, 4];
        payload.extend(block);
        frame(HEADERS, END_HEADERS | PRIORITY, &payload)
    };
    let split = |block: &[u8]| {
        let (one, two) = block.split_at(10);
        [frame(HEADERS, 0, one), frame(CONTINUATION, END_HEADERS, two)].concat()
    };
    let all = |block: &[u8]| stream(&[padded(block), prioritised(block), split(block), padded(block)]);
    assert_eq!(mend(&all(&bad)), all(&good));
}

#[test]
fn other_protocols_are_left_alone() {
    let request = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(mend(request), request);
}

#[test]
fn any_bytes_are_taken() {
    let mut bytes = stream(&[]);
    for number in 0..20_000u32 {
        bytes.push((number.wrapping_mul(2_654_435_761) >> 24) as u8);
    }
    assert_eq!(mend(&bytes).len(), bytes.len());
}
