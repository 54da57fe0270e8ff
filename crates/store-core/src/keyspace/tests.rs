//! Tests of the keyspace.
//!
//! [`examples`] shows etcd's rules one by one. [`properties`] runs random histories against a [`model`]
//! that knows no index: it keeps a plain list of changes and answers each question by going through the
//! list from its start. Beside them runs a [`journal`] in memory, which is restarted from and rewritten
//! as the real log is.

mod examples;
mod invariants;
mod journal;
mod machine;
mod model;
mod properties;
mod steps;
