//! Parts of objects with an address of their own, and actions on them.

pub(crate) mod binding;
pub(crate) mod eviction;
pub(crate) mod exec;
pub(crate) mod log;
pub(crate) mod node;
pub(crate) mod proxy;
pub(crate) mod scale;
pub(crate) mod token;
