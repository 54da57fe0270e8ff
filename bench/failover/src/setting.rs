//! What was measured, where.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value};
use stanchion_bench_kit::machine;

use crate::args::Args;

/// What was measured, where.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Setting {
    pub(crate) machine: String,
    /// Before the first subject was started.
    pub(crate) load_average: f64,
    pub(crate) rounds: usize,
    pub(crate) peer_rounds: usize,
    pub(crate) threads: u32,
    /// What the spec of our cluster says that is no default.
    pub(crate) spec: Option<Map<String, Value>>,
}

impl Setting {
    pub(crate) fn look(args: &Args) -> Result<Self> {
        Ok(Self {
            machine: machine::describe()?,
            load_average: machine::load_average()?,
            rounds: args.rounds.get(),
            peer_rounds: args.peer_rounds(),
            threads: args.threads,
            spec: args.spec.clone(),
        })
    }

    /// Returns what stands above the tables.
    pub(crate) fn introduction(&self) -> String {
        let Self { machine, load_average, rounds, peer_rounds, threads, spec } = self;
        let ours = spec.as_ref().map_or_else(
            || "Ours has its defaults".to_owned(),
            |spec| format!("Ours has its defaults but for {}", Value::Object(spec.clone())),
        );
        format!(
            "{machine}. Load average before the start: {load_average}. {rounds} rounds of each case, {peer_rounds} of each for peers. Load is sysbench \
             oltp_write_only with {threads} connections. Unavailability is the longest time between two rows that one \
             client was acknowledged, who sends one each 10 ms, gives up a connection after 250 ms and a statement \
             after 1 s; the return of the old primary is part of a round. All processes run on this machine. {ours}. Plain is three servers, set up \
             by hand with the settings of ours that keep acknowledged writes, or with all settings of ours, in control groups of \
             equal weight, as Pods are, unless it was said that none can be made; its throughput and ours are measured while all run, \
             each loaded for some seconds in each turn. Patroni \
             has three nodes, synchronous_mode on, one etcd and HAProxy before it: at its defaults ttl 30, loop_wait \
             10, retry_timeout 10, checks each 3 s (fall 3, rise 2); at its fastest ttl 20, loop_wait 1, \
             retry_timeout 3, primary_start_timeout 0, checks each 200 ms (fall 2, rise 1).\n"
        )
    }
}
