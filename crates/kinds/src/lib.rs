//! What is known of the built-in kinds, as data and pure functions.
//!
//! [`table`] has a row for every kind; everything generic in `stanchion-machinery` is driven by it. Each kind that
//! needs more than its schema says has defaults, validation and columns in a file of its own.

pub mod columns;
pub mod defaults;
pub mod policy;
pub mod qos;
pub mod schema;
pub mod table;
pub mod validate;
