//! What is wrong with objects of the built-in kinds, in the words clients of Kubernetes know.
//!
//! Objects come with their defaults in and with values of the types that the schema says; everything else is found
//! here. Nothing panics on values of other types: they count as missing.

pub mod metadata;
mod names;
pub mod objects;
mod place;
pub mod pods;
mod read;
