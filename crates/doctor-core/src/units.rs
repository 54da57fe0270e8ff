//! Numbers with their units, as people read them.

use std::fmt;
use std::time::Duration;

/// A size, shown in powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        #[expect(clippy::cast_precision_loss, reason = "it is shown with one digit behind the point")]
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

/// A time, shown in the unit that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let millis = self.0.as_secs_f64() * 1000.0;
        match seconds {
            0 if millis < 10.0 => write!(f, "{millis:.1} ms"),
            0 => write!(f, "{millis:.0} ms"),
            1..120 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            120..7_200 => write!(f, "{} min", seconds / 60),
            7_200..172_800 => write!(f, "{} h", seconds / 3_600),
            _ => write!(f, "{} days", seconds / 86_400),
        }
    }
}

/// Returns what share `part` is of `whole`; of nothing, none.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share is compared with thresholds of whole per cents")]
    let share = part as f64 / whole as f64;
    share
}

/// Shows a share in per cent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_the_unit_that_fits() {
        let shown =
            [0, 1023, 1024, 1536, 1024 * 1024 - 1, 2 << 30, u64::MAX].map(|size| Bytes(size).to_string());
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "2.0 GiB", "16384.0 PiB"]);
    }

    #[test]
    fn times_are_shown_in_the_unit_that_fits() {
        let shown = [500, 12_000, 999_999, 1_500_000, 600_000_000, 90_000_000_000, 864_000_000_000]
            .map(|micros| Seconds(Duration::from_micros(micros)).to_string());
        assert_eq!(shown, ["0.5 ms", "12 ms", "1000 ms", "1.5 s", "10 min", "25 h", "10 days"]);
    }
}
