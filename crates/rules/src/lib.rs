//! Expressions of CRDs: `x-kubernetes-validations`.
//!
//! A small interpreter of CEL with the libraries Kubernetes gives to CRDs. It is our own because what a rule may cost
//! has to be bounded while it is evaluated, which no library offers: every step is charged before it is done, and
//! nothing recurses deeper than the depth the parser allows. Values are borrowed from the object and typed by the
//! schema beside it; nothing is converted beforehand.
//!
//! ```text
//! source --(lexer, parser)--> tree --(check: names, types, highest cost)--> kept --(eval, charged)--> value
//! ```

mod check;
mod compile;
mod escape;
mod eval;
mod functions;
mod lexer;
mod parser;
mod path;
mod problem;
mod syntax;
mod time;
mod validate;
mod value;

pub use compile::Rules;

/// What all rules of one object may cost together.
pub const OBJECT_BUDGET: u64 = 10_000_000;
/// What one evaluation of one rule may cost.
pub const CALL_LIMIT: u64 = 1_000_000;
/// What one rule may cost by its estimate.
pub const ESTIMATE_LIMIT: u64 = 10_000_000;
/// What all rules of a schema may cost by their estimate.
pub const SCHEMA_LIMIT: u64 = 100_000_000;

#[cfg(test)]
mod tests;
