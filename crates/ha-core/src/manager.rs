//! What a manager changes.
