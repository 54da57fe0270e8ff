//! The few conversions between whole numbers and floating point that the formulas of scores need.

/// Converts an amount for a ratio. Bytes and thousandths of processors stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
pub(crate) fn float(amount: i64) -> f64 {
    amount as f64
}

/// Converts a count.
pub(crate) fn count(number: usize) -> f64 {
    float(whole(number))
}

/// Converts a count to the type of scores.
pub(crate) fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Cuts the fraction off.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a conversion with `as` saturates, which is what is wanted"
)]
pub(crate) fn cut(number: f64) -> i64 {
    number as i64
}
