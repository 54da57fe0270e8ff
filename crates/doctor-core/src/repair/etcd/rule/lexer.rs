//! A rule as its words.

use super::parser::RuleError;
use super::{Comparison, Operation};

/// What units stand for, in bytes.
const UNITS: [(&str, f64); 15] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1_024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("Ki", 1_024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("", 1.0),
];

/// One word of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(f64),
    Name(&'a str),
    Compare(Comparison),
    Calculate(Operation),
    And,
    Or,
    Not,
    Open,
    Close,
}

/// A word, and with which character it begins, counted from 1.
pub(super) type Placed<'a> = (usize, Token<'a>);

/// Splits a rule into its words.
pub(super) fn split(text: &str) -> Result<Vec<Placed<'_>>, RuleError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let at = text[..text.len() - rest.len()].chars().count() + 1;
        let (token, length) = if first.is_ascii_digit() || first == '.' {
            number(rest).map_err(|what| RuleError::at(at, what))?
        } else if first.is_alphabetic() {
            let name = word(rest);
            (Token::Name(name), name.len())
        } else {
            symbol(rest).ok_or_else(|| RuleError::at(at, format!("{first:?} means nothing here")))?
        };
        tokens.push((at, token));
        rest = &rest[length..];
    }
}

/// Returns the letters and digits that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    &text[..end]
}

fn number(text: &str) -> Result<(Token<'_>, usize), String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let digits = &text[..end];
    let unit = word(&text[end..]);
    let value: f64 = digits.parse().map_err(|_| format!("{digits:?} is not a number"))?;
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let factor = factor.ok_or_else(|| format!("there is no unit {unit:?}: KiB, MiB, GiB, TiB are some"))?;
    Ok((Token::Number(value * factor), end + unit.len()))
}

fn symbol(text: &str) -> Option<(Token<'static>, usize)> {
    // Those of two characters first.
    const SYMBOLS: [(&str, Token<'static>); 15] = [
        ("&&", Token::And),
        ("||", Token::Or),
        ("<=", Token::Compare(Comparison::LessOrEqual)),
        (">=", Token::Compare(Comparison::MoreOrEqual)),
        ("==", Token::Compare(Comparison::Equal)),
        ("!=", Token::Compare(Comparison::NotEqual)),
        ("<", Token::Compare(Comparison::Less)),
        (">", Token::Compare(Comparison::More)),
        ("!", Token::Not),
        ("+", Token::Calculate(Operation::Plus)),
        ("-", Token::Calculate(Operation::Minus)),
        ("*", Token::Calculate(Operation::Times)),
        ("/", Token::Calculate(Operation::Divided)),
        ("(", Token::Open),
        (")", Token::Close),
    ];
    let (symbol, token) = SYMBOLS.iter().find(|(symbol, _)| text.starts_with(symbol))?;
    Some((token.clone(), symbol.len()))
}
