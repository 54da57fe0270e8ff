//! Volumes.

pub(crate) mod proof;
pub(crate) mod stuck;

#[cfg(test)]
mod tests;
