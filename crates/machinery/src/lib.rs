//! Object mechanics of the Kubernetes API, as pure functions over JSON values.
//!
//! Nothing here knows a kind by name, reads a clock, draws a random number or does I/O. What a kind looks like
//! comes in as a [`schema::Schema`]; what is known of the built-in kinds is in `stanchion-kinds`.
//!
//! ```text
//! bytes --(json, yaml, protobuf)--> Value --(patch, apply, prune, default, validate)--> Value --(encode, table)--> bytes
//! ```

pub mod apply;
pub mod encode;
pub mod facts;
pub mod field;
pub mod json;
pub mod meta;
pub mod name;
pub mod patch;
pub mod path;
pub mod protobuf;
pub mod quantity;
pub mod schema;
pub mod selector;
pub mod status;
pub mod structural;
pub mod time;

pub use serde_json::{Map, Value};
