//! Faults on purpose, and a client that knows what was acknowledged.
