//! The world: everything there is, and how time passes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stanchion_ha_core::manager::Operation;
use stanchion_ha_core::{InstanceName, MemberSettings, Millis, Settings, Term};

use super::bug::Bug;
use super::instance::Instance;
use super::manager::Manager;
use super::random::Random;
use super::store::Store;

/// Milliseconds of a step.
pub(crate) const TICK: u64 = 20;
/// Steps with trouble.
const TROUBLE: u64 = 2_000;
/// Steps in which a calm world must come to rest: 60 s.
const REST: u64 = 3_000;
/// Steps of calm in which clients still write.
const WRITES: u64 = 1_500;
/// What is kept of the story.
const TOLD: usize = 60;

/// What a world is like.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) instances: u32,
    /// A fault comes once in so many steps.
    pub(crate) every: u64,
    /// At which step how many instances belong.
    pub(crate) scale: Vec<(u64, usize)>,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xabcd);
        let instances = [3, 3, 3, 5, 2, 1][random.index(6)];
        let every = [20, 50, 100, 250][random.index(4)];
        let scale = if instances == 3 && random.one_in(5) {
            vec![(0, 1), (500, 3), (1_200, 1), (1_600, 3)]
        } else {
            Vec::new()
        };
        Self { instances, every, scale }
    }

    /// A plan with trouble all the time, for worlds that are to fail.
    pub(crate) fn hard(seed: u64) -> Self {
        let instances = [3, 5][Random::new(seed).index(2)];
        Self { instances, every: 15, scale: Vec::new() }
    }
}

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) plan: Plan,
    pub(crate) bug: Option<Bug>,
    pub(crate) now: u64,
    pub(crate) steps: u64,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) instances: Vec<Instance>,
    pub(crate) managers: Vec<Manager>,
    pub(crate) operation: Option<Operation>,
    /// Pairs of instances that do not reach each other.
    pub(crate) cuts: BTreeSet<(usize, usize)>,
    /// Who does not reach the store.
    pub(crate) store_cuts: Vec<bool>,
    pub(crate) links: u64,
    pub(crate) lives: u64,
    /// When the newest report of each instance came.
    pub(crate) news: BTreeMap<InstanceName, u64>,
    /// Acknowledged writes, and by whom.
    pub(crate) acknowledged: Vec<(u64, usize)>,
    pub(crate) checked: usize,
    pub(crate) checked_term: Term,
    writes: u64,
    story: VecDeque<String>,
}

impl World {
    pub(crate) fn new(seed: u64, plan: Plan, bug: Option<Bug>) -> Self {
        let instances: Vec<Instance> = (0..plan.instances).map(Instance::new).collect();
        let member =
            |instance: &Instance| (instance.name.clone(), MemberSettings { server: instance.server });
        let mut settings = Settings::new(instances.iter().map(member).collect());
        settings.heartbeat_interval = Millis(200);
        let managers =
            vec![Manager { rate: 100, ..Manager::default() }, Manager { rate: 95, ..Manager::default() }];
        Self {
            random: Random::new(seed),
            bug,
            now: 0,
            steps: 0,
            store: Store::new(),
            settings,
            store_cuts: vec![false; instances.len()],
            instances,
            managers,
            operation: None,
            cuts: BTreeSet::new(),
            links: 0,
            lives: 1,
            news: BTreeMap::new(),
            acknowledged: Vec::new(),
            checked: 0,
            checked_term: Term(0),
            writes: 0,
            story: VecDeque::new(),
            plan,
        }
    }

    /// Runs through trouble and calm.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        while self.now < TROUBLE {
            self.misfortune();
            let due = self.plan.scale.iter().find(|(at, _)| *at == self.now).map(|(_, members)| *members);
            if let Some(members) = due {
                self.scale(members);
            }
            self.step()?;
        }
        self.calm();
        let mut unrest = Ok(());
        for _ in 0..REST {
            self.step()?;
            unrest = self.rests();
            if self.now > TROUBLE + WRITES && unrest.is_ok() {
                break;
            }
        }
        unrest.map_err(|why| {
            let instances: Vec<String> =
                self.instances.iter().map(super::instance::Instance::summary).collect();
            self.note(&instances.join("\n"));
            format!("unrest: {why}")
        })
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += 1;
        self.steps += 1;
        for who in self.order() {
            self.turn(who);
        }
        self.replicate();
        self.clients();
        for which in 0..self.managers.len() {
            self.manage(which);
        }
        self.check()
    }

    /// The instances in a random order.
    pub(crate) fn order(&mut self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.instances.len()).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, self.random.index(place + 1));
        }
        order
    }

    /// Clients write to whoever takes writes, also to one that was replaced and does not know.
    fn clients(&mut self) {
        for who in self.order() {
            if self.now > TROUBLE + WRITES || !self.instances[who].works() || self.random.one_in(2) {
                continue;
            }
            let live = self.instances[who].live().expect("it works");
            if live.writable.is_none() || live.draining {
                continue;
            }
            let waits = live.requires.is_some();
            self.writes += 1;
            let (write, now) = (self.writes, self.now);
            let index = self.instances[who].write(write);
            let live = self.instances[who].process.live_mut().expect("it works");
            live.waiting.push((index, now));
            let fallen = self.bug == Some(Bug::Fallback)
                && live.waiting.first().is_some_and(|(_, since)| now - since > 25);
            if !waits || fallen {
                self.release(who);
            }
        }
    }

    pub(crate) fn number(&self, name: &str) -> usize {
        self.instances.iter().position(|instance| instance.name.as_str() == name).expect("it is an instance")
    }

    pub(crate) fn is_cut(&self, one: usize, other: usize) -> bool {
        self.cuts.contains(&(one.min(other), one.max(other)))
    }

    pub(crate) fn reaches_store(&self, who: usize) -> bool {
        self.store.up && !self.store_cuts[who]
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.len() as u64
    }

    pub(crate) fn note(&mut self, what: &str) {
        if self.story.len() == TOLD {
            self.story.pop_front();
        }
        self.story.push_back(format!("{:>6} ms  {what}", self.now * TICK));
    }

    /// The end of the story, for people.
    pub(crate) fn tail(&self) -> String {
        self.story.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}
