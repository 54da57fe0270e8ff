//! Failovers in a world of its own, driven by a seed.
//!
//! Instances, their databases, replication, the store, Pods, networks and two managers are modelled; what decides is the
//! real code. The world crashes, freezes and partitions at random, then calms down. After every step the invariants are
//! checked. The seed of a failing run is printed with the command that repeats it.

mod simulation {
    pub(crate) mod agent;
    pub(crate) mod bug;
    pub(crate) mod database;
    pub(crate) mod faults;
    pub(crate) mod instance;
    pub(crate) mod invariants;
    pub(crate) mod manager;
    pub(crate) mod random;
    pub(crate) mod replication;
    pub(crate) mod store;
    pub(crate) mod world;
}

use simulation::bug::Bug;
use simulation::world::{Plan, World};

/// Seeds of the default suite.
const SEEDS: u64 = 150;
/// Seeds of the long suite.
const MANY: u64 = 6_000;

fn run(seed: u64, bug: Option<Bug>) -> Result<World, String> {
    let plan = if bug.is_some() { Plan::hard(seed) } else { Plan::of(seed) };
    let mut world = World::new(seed, plan, bug);
    world.run().map_err(|broken| {
        format!("seed {seed}: {broken}\nrepeat: STANCHION_SEED={seed} cargo nextest run -p stanchion-ha-core --run-ignored all --no-capture one_seed\n{}", world.tail())
    })?;
    Ok(world)
}

fn long() -> bool {
    std::env::var_os("STANCHION_LONG").is_some()
}

#[test]
fn no_acknowledged_write_is_lost_and_a_primary_comes_back() {
    let seeds = if long() { MANY } else { SEEDS };
    let (mut steps, mut acknowledged, mut terms) = (0, 0, 0);
    for seed in 0..seeds {
        let world = run(seed, None).unwrap_or_else(|broken| panic!("{broken}"));
        steps += world.steps;
        acknowledged += world.acknowledged();
        terms += world.store.newest().term.0;
    }
    // A world in which nothing happens would pass too.
    println!("{seeds} seeds, {steps} steps, {acknowledged} acknowledged writes, {terms} terms");
    assert!(terms > 2 * seeds, "few failovers: {terms} terms");
    assert!(acknowledged > 100 * seeds, "few writes: {acknowledged}");
}

/// Repeats a run that failed; it says the command itself.
#[test]
#[ignore = "it needs STANCHION_SEED"]
fn one_seed() {
    let seed = std::env::var("STANCHION_SEED").expect("STANCHION_SEED says which");
    let seed = seed.parse().expect("it is a number");
    let bug = std::env::var("STANCHION_BUG").ok().and_then(|name| Bug::named(&name));
    if let Err(broken) = run(seed, bug) {
        panic!("{broken}");
    }
}

/// Each rule is needed: a world that breaks it loses writes or has two primaries, and the simulation sees it.
#[test]
fn each_deliberate_bug_is_caught() {
    for bug in Bug::ALL {
        let caught =
            (0..MANY).find(|seed| run(*seed, Some(bug)).is_err_and(|broken| broken.contains("invariant")));
        let Some(seed) = caught else { panic!("{bug:?} went unnoticed in {MANY} seeds") };
        println!("{bug:?} is caught by seed {seed}");
    }
}
