//! Random numbers for ids, from the operating system.

/// Returns a random number.
pub(crate) fn u64() -> u64 {
    getrandom::u64().expect("the operating system's random numbers are available on every supported platform")
}

/// Returns a random positive number that fits an `i64`, as lease ids are.
pub(crate) fn positive_i64() -> i64 {
    let number = (u64() >> 1).max(1);
    i64::try_from(number).expect("the top bit is clear")
}
