//! Decisions of authorization and admission that need nothing but objects, as pure functions.
//!
//! The server reads the objects, asks here, and writes what comes out. Nothing here reads a clock or draws a random
//! number: times and name suffixes come in as arguments.

pub mod bootstrap;
pub mod eviction;
pub mod limits;
pub mod pods;
pub mod quota;
pub mod rbac;
mod resources;
#[cfg(test)]
mod tests;

/// Joins messages as one: a single one stands alone, several stand in brackets, and none is told twice.
pub fn aggregate<S: AsRef<str>>(messages: &[S]) -> String {
    let mut told: Vec<&str> = Vec::new();
    for message in messages {
        if !told.contains(&message.as_ref()) {
            told.push(message.as_ref());
        }
    }
    match told.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("[{}]", many.join(", ")),
    }
}
