//! Keys and values of the workload, shaped like those of a Kubernetes cluster.

/// Bytes of every key.
pub(crate) const KEY_LENGTH: usize = 40;
/// Bytes of every value.
pub(crate) const VALUE_LENGTH: usize = 256;
/// Decimal digits at the end of a key.
const DIGITS: usize = 9;
const PREFIX_LENGTH: usize = KEY_LENGTH - DIGITS;
/// How many keys a family has.
const FAMILY_SIZE: u64 = 1_000_000_000;
/// Shares no factor with `FAMILY_SIZE`, so multiplying by it permutes the family.
const SCATTER: u64 = 387_420_489;

pub(crate) type Key = [u8; KEY_LENGTH];

/// Keys with one prefix; numbers sort as their keys do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Loaded before a measurement.
    Loaded,
    /// Created by the create-if-absent transaction.
    Created,
    /// Written while watchers look.
    Watched,
}

impl Family {
    fn prefix(self) -> &'static [u8; PREFIX_LENGTH] {
        match self {
            Self::Loaded => b"/registry/pods/bench-store/pod-",
            Self::Created => b"/registry/jobs/bench-store/job-",
            Self::Watched => b"/registry/node/bench-store/node",
        }
    }

    pub(crate) fn key(self, number: u64) -> Key {
        let mut key = [b'0'; KEY_LENGTH];
        key[..PREFIX_LENGTH].copy_from_slice(self.prefix());
        let mut rest = number;
        for digit in key[PREFIX_LENGTH..].iter_mut().rev() {
            *digit = b"0123456789"[usize::try_from(rest % 10).unwrap_or_default()];
            rest /= 10;
        }
        key
    }

    /// The family's `number`th key in an order that looks random and never repeats, because objects
    /// are not created in the order of their names.
    pub(crate) fn scattered_key(self, number: u64) -> Key {
        self.key(number * SCATTER % FAMILY_SIZE)
    }

    pub(crate) fn first(self) -> Vec<u8> {
        self.prefix().to_vec()
    }

    /// The end of the range that begins at any key of the family.
    pub(crate) fn end(self) -> Vec<u8> {
        let mut end = self.first();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        end
    }
}

/// A small generator (splitmix64): one seed, one sequence.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is far below 2^64, so the bias is nil.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A value no server can compress.
    pub(crate) fn value(&mut self) -> Vec<u8> {
        let words = (0..VALUE_LENGTH.div_ceil(8)).map(|_| self.next().to_le_bytes());
        words.flatten().take(VALUE_LENGTH).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_sort_like_their_numbers_and_lie_in_the_range() {
        let keys = [0, 9, 10, 999_999_999].map(|number| Family::Loaded.key(number));
        assert!(keys.is_sorted());
        assert_eq!(&keys[1], b"/registry/pods/bench-store/pod-000000009");
        for key in keys {
            assert!(
                Family::Loaded.first().as_slice() <= &key[..] && &key[..] < Family::Loaded.end().as_slice()
            );
        }
    }

    #[test]
    fn scattered_keys_do_not_repeat() {
        let keys: BTreeSet<Key> = (0..10_000).map(|number| Family::Created.scattered_key(number)).collect();
        assert_eq!(keys.len(), 10_000);
    }

    #[test]
    fn values_have_their_length_and_differ() {
        let mut random = Random(1);
        let (one, two) = (random.value(), random.value());
        assert_eq!((one.len(), two.len()), (VALUE_LENGTH, VALUE_LENGTH));
        assert_ne!(one, two);
    }
}
