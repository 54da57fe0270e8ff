//! Measures the candidate storage engines for the revision store.
//!
//! `cargo run --release` prints the machine, a table of medians and what damage does to each
//! engine. Every measurement runs in a process of its own: the program starts itself again as
//! `worker <task> <engine> <directory> [numbers]`. The result is kept in
//! `docs/adr/0001-storage-engine.md`.

mod child;
mod damage;
mod engine;
mod engine_fjall;
mod engine_redb;
mod index;
mod log;
mod machine;
mod probe;
mod record;
mod store;
mod suite;
mod table;
mod worker;
mod workload;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        None => suite::run(),
        Some((first, rest)) if first == "worker" => worker::run(rest),
        Some((other, _)) => anyhow::bail!("unknown argument {other}; run without arguments"),
    }
}
