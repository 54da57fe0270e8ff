//! Passwords, drawn once.

use thiserror::Error;

/// How many characters a password has; each is one of 62, so that nobody guesses 190 bits.
const LENGTH: usize = 32;
const CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The machine gave no random numbers.
#[derive(Debug, Error)]
#[error("cannot draw a password: the system gives no random numbers")]
pub(crate) struct NoChance(#[source] getrandom::Error);

/// Draws a password.
pub(crate) fn draw() -> Result<String, NoChance> {
    let mut password = String::with_capacity(LENGTH);
    let mut bytes = [0; 2 * LENGTH];
    while password.len() < LENGTH {
        getrandom::fill(&mut bytes).map_err(NoChance)?;
        // Those beyond the last whole round of characters would make some of them likelier.
        let fair = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < 4 * CHARACTERS.len());
        let characters = fair.map(|byte| char::from(CHARACTERS[byte % CHARACTERS.len()]));
        password.extend(characters.take(LENGTH - password.len()));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_differ() {
        let (one, other) = (draw().expect("a password"), draw().expect("a password"));
        assert_eq!(one.len(), LENGTH);
        assert!(one.bytes().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(one, other);
    }
}
