//! Versions of etcd.

use std::fmt;
use std::str::FromStr;

/// A version of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second.
    pub minor: u64,
    /// The third.
    pub patch: u64,
}

impl Version {
    /// Makes a version of its three numbers.
    pub const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch }
    }
}

impl FromStr for Version {
    type Err = String;

    /// Reads `3.5.21`; what follows a `-` or `+` says nothing here.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
        let numbers: Option<Vec<u64>> = plain.split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some([major, minor, patch]) => Ok(Self::new(*major, *minor, *patch)),
            _ => Err(format!("{text:?} is not a version of three numbers")),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_are_a_version() {
        assert_eq!("3.5.21".parse(), Ok(Version::new(3, 5, 21)));
        assert_eq!("v3.6.0-rc.1".parse(), Ok(Version::new(3, 6, 0)));
        for bad in ["", "3", "3.5", "3.5.x", "3.5.1.2"] {
            bad.parse::<Version>().expect_err(bad);
        }
    }
}
