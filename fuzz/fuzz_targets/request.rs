//! Requests that decode convert, or are refused with an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_store::core::Limits;
use stanchion_store::server::wire;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    match kind % 6 {
        0 => decode(bytes, |request| {
            let converted = wire::range_query(request).and_then(|query| query.check());
            drop(converted);
        }),
        1 => decode(bytes, |request| drop(wire::put(request).check())),
        2 => decode(bytes, |request| drop(wire::delete_range(request).check())),
        3 => decode(bytes, |request| {
            let limits = Limits::default();
            drop(wire::txn(request, limits.txn_ops).and_then(|txn| txn.check(&limits)));
        }),
        4 => decode(bytes, |request: pb::WatchRequest| {
            if let Some(pb::watch_request::RequestUnion::CreateRequest(create)) = request.request_union {
                drop(wire::watch_spec(create));
            }
        }),
        // A grant has no conversion of its own.
        _ => decode(bytes, |_: pb::LeaseGrantRequest| {}),
    }
});

fn decode<M: Message + Default>(bytes: &[u8], convert: impl FnOnce(M)) {
    if let Ok(message) = M::decode(bytes) {
        let encoded = message.encode_to_vec();
        assert_eq!(M::decode(encoded.as_slice()).map(|again| again.encode_to_vec()), Ok(encoded));
        convert(message);
    }
}
