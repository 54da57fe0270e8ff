//! Keys, values and orders of writing, all derived from numbers so that nothing is stored twice.

/// Bytes per value.
pub(crate) const VALUE_BYTES: usize = 256;

/// A small deterministic generator (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit as u64)).unwrap_or_default()
    }
}

/// A 40-byte key as a Kubernetes API server would write it.
pub(crate) fn key(number: usize) -> String {
    format!("/registry/pods/ns-{:06}/pod-{number:010}", number / 100)
}

/// The value of a revision: 256 bytes that do not compress.
pub(crate) fn value(revision: u64) -> [u8; VALUE_BYTES] {
    let (mut random, mut value) = (Random::new(revision), [0; VALUE_BYTES]);
    for chunk in value.chunks_exact_mut(8) {
        chunk.copy_from_slice(&random.next().to_le_bytes());
    }
    value
}

/// Each of the first `keys` numbers `times` times, shuffled: neighbours in key order are written
/// far apart, and superseded revisions lie scattered between live ones.
pub(crate) fn shuffled(keys: usize, times: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys * times).map(|number| number % keys).collect();
    let mut random = Random::new(seed);
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last + 1));
    }
    order
}
