//! What takes findings back.

pub(super) mod expired;
