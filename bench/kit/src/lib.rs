//! What the benchmarks share: a client of the API, processes that are started and measured, samples and reports.
//!
//! ```text
//! child ── process: the program that is measured        load ── client ── kubeconfig: what it is asked
//! cluster ── progress: a cluster, started here or running elsewhere, and how far it has come
//! stats ── report ── output: medians, ratios, tables    machine: where    program: until the end or a signal
//! ```

pub mod child;
pub mod client;
pub mod cluster;
pub mod kubeconfig;
pub mod load;
pub mod machine;
pub mod output;
pub mod process;
pub mod program;
pub mod progress;
pub mod report;
pub mod size;
pub mod stats;
