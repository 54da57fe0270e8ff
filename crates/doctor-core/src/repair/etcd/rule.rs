//! Rules over the sizes of a member: `freeShare > 0.5 && size > 100MiB`.
//!
//! ```text
//!     any ::= all ("||" all)*
//!     all ::= one ("&&" one)*
//!     one ::= sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?
//!     sum ::= term (("+" | "-") term)*
//!    term ::= factor (("*" | "/") factor)*
//!  factor ::= ("!" | "-") factor | number unit? | name | "(" any ")"
//! ```
//!
//! The names are those of [`Variable`], and those that the tool etcd-defrag has, since people have rules with them. What is true
//! or false and what is a number are told apart when a rule is read, so that one that was read can always be decided.

mod lexer;
mod parser;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::units::share;
pub use parser::RuleError;

/// A rule that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    text: String,
    root: Truth,
}

/// The sizes of a member that rules are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Of its database file.
    pub size: u64,
    /// How much of that is in use.
    pub in_use: u64,
    /// Its quota, if it is known.
    pub quota: Option<u64>,
}

/// What is true or false.
#[derive(Clone, Debug, PartialEq)]
enum Truth {
    Not(Box<Truth>),
    Both(Box<Truth>, Box<Truth>),
    Either(Box<Truth>, Box<Truth>),
    Compare(Comparison, Quantity, Quantity),
}

/// What is a number.
#[derive(Clone, Debug, PartialEq)]
enum Quantity {
    Number(f64),
    Of(Variable),
    Negative(Box<Quantity>),
    Calculated(Operation, Box<Quantity>, Box<Quantity>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Equal,
    NotEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Plus,
    Minus,
    Times,
    Divided,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    Size,
    InUse,
    Free,
    FreeShare,
    Quota,
    QuotaShare,
}

impl Variable {
    /// Every name with what it stands for.
    const NAMES: [(&'static str, Self); 11] = [
        ("size", Self::Size),
        ("inUse", Self::InUse),
        ("free", Self::Free),
        ("freeShare", Self::FreeShare),
        ("quota", Self::Quota),
        ("quotaShare", Self::QuotaShare),
        ("dbSize", Self::Size),
        ("dbSizeInUse", Self::InUse),
        ("dbSizeFree", Self::Free),
        ("dbQuota", Self::Quota),
        ("dbQuotaUsage", Self::QuotaShare),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, variable)| *variable)
    }

    /// Returns its value; none if it asks for a quota that is not known.
    fn of(self, sizes: &Sizes) -> Option<f64> {
        let free = sizes.size.saturating_sub(sizes.in_use);
        Some(match self {
            Self::Size => number(sizes.size),
            Self::InUse => number(sizes.in_use),
            Self::Free => number(free),
            Self::FreeShare => share(free, sizes.size),
            Self::Quota => number(sizes.quota?),
            Self::QuotaShare => share(sizes.size, sizes.quota?),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn number(size: u64) -> f64 {
    size as f64
}

impl Rule {
    /// Returns whether it holds; none if that hangs on a quota that is not known.
    pub fn holds(&self, sizes: &Sizes) -> Option<bool> {
        self.root.of(sizes)
    }
}

impl Truth {
    /// Decides it. What one side alone decides is known although the other is not.
    fn of(&self, sizes: &Sizes) -> Option<bool> {
        match self {
            Self::Not(one) => one.of(sizes).map(|truth| !truth),
            Self::Both(one, other) => match (one.of(sizes), other.of(sizes)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (one, other) => one.zip(other).map(|_| true),
            },
            Self::Either(one, other) => match (one.of(sizes), other.of(sizes)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (one, other) => one.zip(other).map(|_| false),
            },
            Self::Compare(comparison, one, other) => {
                let order = one.of(sizes)?.partial_cmp(&other.of(sizes)?);
                Some(comparison.is_met_by(order))
            }
        }
    }
}

impl Quantity {
    fn of(&self, sizes: &Sizes) -> Option<f64> {
        Some(match self {
            Self::Number(value) => *value,
            Self::Of(variable) => variable.of(sizes)?,
            Self::Negative(one) => -one.of(sizes)?,
            Self::Calculated(operation, one, other) => {
                let (one, other) = (one.of(sizes)?, other.of(sizes)?);
                match operation {
                    Operation::Plus => one + other,
                    Operation::Minus => one - other,
                    Operation::Times => one * other,
                    Operation::Divided => one / other,
                }
            }
        })
    }
}

impl Comparison {
    /// Nothing is in order with what is no number, which only a division by nothing makes.
    fn is_met_by(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::More => order == Some(Ordering::Greater),
            Self::MoreOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => matches!(order, Some(Ordering::Less | Ordering::Greater)),
        }
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { text: text.to_owned(), root: parser::parse(text)? })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
