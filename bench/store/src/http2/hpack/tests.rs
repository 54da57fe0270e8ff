use super::*;

#[test]
fn a_request_spells_out_all_headers() {
    let block = request_block("/a.B/C", "127.0.0.1:1");
    let mut expected = vec![0x83, 0x86, 0x04, 6];
    expected.extend(b"/a.B/C\x01\x0b127.0.0.1:1\x0f\x10\x10application/grpc");
    expected.extend(b"\x00\x02te\x08trailers");
    assert_eq!(block, expected);
}

#[test]
fn a_plain_status_is_found() {
    let block = b"\x88\x00\x0bgrpc-status\x0214";
    assert_eq!(grpc_status(block), Some(14));
}

#[test]
fn a_huffman_status_is_found_behind_other_headers() {
    // :status 200; content-type as an indexed name with a literal value; grpc-status: 14.
    let mut block = b"\x88\x5f\x10application/grpc\x40\x88".to_vec();
    block.extend(GRPC_STATUS_HUFFMAN);
    // 00001 011010 11111: "14" and padding.
    block.extend([0x82, 0b0000_1011, 0b0101_1111]);
    assert_eq!(grpc_status(&block), Some(14));
}

#[test]
fn a_status_with_its_name_in_the_dynamic_table_is_found() {
    // Index 62 with six bits; the value is "8" (011110) and padding.
    assert_eq!(grpc_status(&[0x7e, 0x81, 0b0111_1011]), Some(8));
}

#[test]
fn a_block_of_indices_has_no_status_to_show() {
    assert_eq!(grpc_status(&[0x88, 0xbe, 0xbf]), None);
}

#[test]
fn truncated_blocks_end_the_search() {
    let block = b"\x88\x00\x0bgrpc-status\x0214";
    for end in 0..block.len() {
        assert_eq!(grpc_status(&block[..end]), None, "{end} bytes");
    }
}

#[test]
fn huffman_digits_are_decoded_and_letters_refused() {
    assert_eq!(huffman_digits(&[0b0000_0111]), Some(b"0".to_vec()));
    assert_eq!(huffman_digits(&[0b0111_1111]), Some(b"9".to_vec()));
    // Ten bits of digits leave six bits of padding.
    assert_eq!(huffman_digits(&[0b0000_1000, 0b1011_1111]), Some(b"12".to_vec()));
    // "a" is 00011.
    assert_eq!(huffman_digits(&[0b0001_1111]), None);
}
