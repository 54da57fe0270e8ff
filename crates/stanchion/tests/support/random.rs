//! Numbers from a seed, the same for the same seed: splitmix64.

use std::time::{SystemTime, UNIX_EPOCH};

/// A generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Returns the seed from `STANCHION_SEED`, or a new one.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("STANCHION_SEED").ok();
    given.map_or_else(
        || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
            u64::from(now.subsec_nanos()) ^ (now.as_secs() << 20)
        },
        |given| given.parse().expect("STANCHION_SEED is a number"),
    )
}
