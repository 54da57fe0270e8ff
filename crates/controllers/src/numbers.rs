//! Numbers as objects hold them.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Returns a count as objects hold it.
pub(crate) fn amount(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Returns a count for a field that is left out when it is zero, as servers and clients are used to.
pub(crate) fn nonzero(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}

/// Which way a share of a whole is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// To the next larger number.
    Up,
    /// To the next smaller number.
    Down,
}

/// Returns a number, or a percentage of a whole. What is neither, which the API does not let in, is nothing.
pub(crate) fn share(value: &IntOrString, whole: i32, rounding: Rounding) -> i32 {
    match value {
        IntOrString::Int(number) => *number,
        IntOrString::String(text) => {
            let percent: i64 = text.strip_suffix('%').and_then(|number| number.parse().ok()).unwrap_or(0);
            let hundredths = i64::from(whole).saturating_mul(percent);
            let share = match rounding {
                Rounding::Up => hundredths.saturating_add(99).div_euclid(100),
                Rounding::Down => hundredths.div_euclid(100),
            };
            i32::try_from(share).unwrap_or(i32::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let percent = |text: &str| IntOrString::String(text.to_owned());
        assert_eq!(share(&IntOrString::Int(7), 3, Rounding::Up), 7);
        assert_eq!(share(&percent("25%"), 10, Rounding::Up), 3);
        assert_eq!(share(&percent("25%"), 10, Rounding::Down), 2);
        assert_eq!(share(&percent("100%"), 10, Rounding::Up), 10);
        assert_eq!(share(&percent("0%"), 10, Rounding::Up), 0);
    }
}
