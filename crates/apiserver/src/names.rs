//! Names and ids that the server makes.

use rand::RngExt as _;

/// Letters and digits of generated names: no vowels, so no words, and nothing that is mistaken for another.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many of them are appended.
const SUFFIX: usize = 5;
/// The longest name that is generated.
const MAX_NAME: usize = 63;

/// Returns random letters and digits.
pub(crate) fn suffix() -> String {
    let mut random = rand::rng();
    (0..SUFFIX).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

/// Makes a name that begins with `base`, cut to fit.
pub(crate) fn generate(base: &str) -> String {
    let mut end = base.len().min(MAX_NAME - SUFFIX);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{}", &base[..end], suffix())
}

/// Makes a uid.
pub(crate) fn uid() -> String {
    uuid::Uuid::new_v4().to_string()
}
