//! Secrets in memory.

use std::fmt::{self, Write as _};

use sha1::{Digest as _, Sha1};

/// A password; it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns it as text.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns what a server stores of it: SHA-1 of its SHA-1, in hexadecimal behind a star.
    pub(crate) fn hash(&self) -> String {
        let mut text = String::from("*");
        for byte in Sha1::digest(Sha1::digest(self.0.as_bytes())) {
            write!(text, "{byte:02X}").expect("a String takes all that is written");
        }
        text
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::Password;

    #[test]
    fn a_hash_is_the_servers() {
        // SELECT PASSWORD('mypass')
        let hash = Password::new("mypass").hash();
        assert_eq!(hash, "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4");
        assert!(!format!("{:?}", Password::new("mypass")).contains("mypass"));
    }
}
