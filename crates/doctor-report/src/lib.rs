//! Writes what the doctor found, for people and for programs. Pure: a report in, text out.
//!
//! ```text
//!                ┌─► table, Markdown, HTML           people
//!   Document ────┼─► JSON, SARIF, JUnit              programs that gate and keep
//!                └─► metrics                         Prometheus
//!   Check ─────────► pages                           documentation
//! ```
//!
//! Names and log lines come from objects that anybody may have made. Whatever comes from them is text in every format: no
//! escape sequence reaches a terminal, no markup a page. Metrics carry no names at all, so that their number is bounded.

mod document;
mod html;
mod junit;
mod markdown;
mod metrics;
mod pages;
mod sarif;
mod table;
mod words;

pub use document::Document;
pub use html::html;
pub use junit::{JunitError, junit};
pub use markdown::markdown;
pub use metrics::{Looks, metrics};
pub use pages::{Page, pages};
pub use sarif::sarif;
pub use table::table;
pub use words::printable;

#[cfg(test)]
mod sample;
