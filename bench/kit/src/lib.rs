//! What the benchmarks share: a client of the API, processes that are started and measured, samples and reports.
//!
//! ```text
//! child ── process: the program that is measured        load ── client ── kubeconfig: what it is asked
//! stats ── report ── output: medians, ratios, tables    machine: where    program: until the end or a signal
//! ```

pub mod child;
pub mod client;
pub mod kubeconfig;
pub mod load;
pub mod machine;
pub mod output;
pub mod process;
pub mod program;
pub mod report;
pub mod stats;
