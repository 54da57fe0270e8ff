use proptest::prelude::*;

use super::*;

fn any_record() -> impl Strategy<Value = Record> {
    let key = || prop::collection::vec(any::<u8>(), 1..40).prop_map(Bytes::from);
    let value = prop::collection::vec(any::<u8>(), 0..100).prop_map(Bytes::from);
    let revision = || (1i64..i64::MAX).prop_map(Revision);
    let lease = || (1i64..i64::MAX).prop_map(LeaseId);
    prop_oneof![
        (key(), value, revision(), revision(), 1i64..9, any::<i64>(), any::<u32>()).prop_map(
            |(key, value, created, modified, version, lease, sub)| Record::Put {
                kv: KeyValue { key, value, created, modified, version, lease: LeaseId(lease) },
                sub
            }
        ),
        (revision(), any::<u32>(), key()).prop_map(|(revision, sub, key)| Record::Delete {
            revision,
            sub,
            key
        }),
        revision().prop_map(|revision| Record::Compact { revision }),
        (lease(), any::<i64>(), any::<u64>()).prop_map(|(id, ttl, remaining)| Record::LeaseGrant {
            id,
            ttl,
            remaining
        }),
        lease().prop_map(|id| Record::LeaseRevoke { id }),
        (lease(), any::<u64>()).prop_map(|(id, remaining)| Record::LeaseRemaining { id, remaining }),
        any::<bool>().prop_map(|raised| Record::Alarm { alarm: Alarm::Corrupt, raised }),
        (revision(), -1..i64::MAX)
            .prop_map(|(revision, compacted)| Record::Base { revision, compacted: Revision(compacted) }),
    ]
}

proptest! {
    #[test]
    fn decode_reverses_encode(records in prop::collection::vec(any_record(), 1..10)) {
        let mut out = Vec::new();
        for record in &records {
            record.encode(&mut out);
        }
        let mut bytes = Bytes::from(out);
        for record in &records {
            prop_assert_eq!(&Record::decode(&mut bytes).unwrap(), record);
        }
        prop_assert!(bytes.is_empty());
    }

    #[test]
    fn a_changed_bit_is_noticed(record in any_record(), position in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut out = Vec::new();
        record.encode(&mut out);
        let at = position.index(out.len());
        out[at] ^= 1 << bit;
        prop_assert!(Record::decode(&mut Bytes::from(out)).is_err());
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _outcome = Record::decode(&mut Bytes::from(bytes));
    }
}

#[test]
fn overheads_are_what_the_encoder_writes() {
    let mut out = Vec::new();
    let key = Bytes::from_static(b"key");
    let kv = KeyValue {
        key: key.clone(),
        value: Bytes::from_static(b"value"),
        created: Revision(2),
        modified: Revision(3),
        version: 2,
        lease: LeaseId(4),
    };
    assert_eq!(Record::Put { kv, sub: 0 }.encode(&mut out), PUT_OVERHEAD + 8);
    assert_eq!(Record::Delete { revision: Revision(4), sub: 0, key }.encode(&mut out), DELETE_OVERHEAD + 3);
}
