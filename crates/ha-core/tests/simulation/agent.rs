//! An agent: it learns topologies, does its duty, reports. What it is to do is decided by the real code.

use std::net::{Ipv4Addr, SocketAddr};

use stanchion_ha_core::agent::{Before, Duty, Start, counted_on, duty, start};
use stanchion_ha_core::{
    Acknowledgement, Containment, Database, HandedOver, Measures, Millis, Position, Report, Role, Standing,
    Term, Topology,
};

use super::bug::Bug;
use super::database::{Link, Live, Process};
use super::instance::Agent;
use super::world::{TICK, World};

impl World {
    /// One turn of an agent.
    pub(crate) fn turn(&mut self, me: usize) {
        if let Err(back) = self.instances[me].agent
            && self.now >= back
        {
            self.lives += 1;
            self.instances[me].agent = Ok(Agent { life: self.lives, ..Agent::default() });
        }
        if self.instances[me].frozen || self.instances[me].agent.is_err() || self.random.one_in(3) {
            return;
        }
        self.learn(me);
        if self.has_left(me) {
            return;
        }
        if let Some((_, topology)) = self.agent(me).known.clone() {
            match &self.instances[me].process {
                Process::Down { since, .. } => self.begin(me, &topology, *since),
                Process::Starting { ready } if self.now >= *ready => {
                    self.instances[me].process = Process::Up(Live::default());
                }
                Process::Starting { .. } => {}
                Process::Up(_) if self.instances[me].hung => self.kill_if_unwanted(me, &topology),
                Process::Up(_) => self.act(me, &topology),
            }
            self.judge(me, &topology);
        }
        self.tell(me);
    }

    /// Ends an instance that is to leave and does not write, or has been given time enough.
    fn has_left(&mut self, me: usize) -> bool {
        let Some(until) = self.agent(me).leaving else { return false };
        let writes = self.instances[me].live().is_some_and(|live| live.writable.is_some());
        let told = self.agent(me).told_leaving;
        if self.now < until && (writes || !told) {
            return false;
        }
        self.kill(me, "it was asked to end");
        let back = self.now + 10 + self.random.below(100);
        self.instances[me].agent = Err(back);
        self.instances[me].hung = false;
        true
    }

    pub(crate) fn agent(&mut self, me: usize) -> &mut Agent {
        self.instances[me].agent.as_mut().expect("the caller has seen that it runs")
    }

    fn learn(&mut self, me: usize) {
        if !self.reaches_store(me) {
            return;
        }
        let known = self.agent(me).known.as_ref().map(|(revision, _)| *revision);
        let all = self.store.all();
        let learnt = match known {
            // The first read is of the newest.
            None => all.last(),
            Some(_) if self.bug == Some(Bug::StaleTerm) && self.random.one_in(12) => {
                let back = self.random.index(all.len().min(6));
                all.get(all.len() - 1 - back)
            }
            Some(known) => {
                let behind = self.store.behind(known);
                let lagging = behind.len() > 1 && self.random.one_in(3);
                if lagging { behind.get(self.random.index(behind.len())) } else { behind.last() }
            }
        };
        if let Some(learnt) = learnt.cloned() {
            self.agent(me).known = Some(learnt);
        }
    }

    fn begin(&mut self, me: usize, topology: &Topology, since: u64) {
        let name = self.instances[me].name.clone();
        if let Duty::Copy { from } = duty(&name, topology) {
            return self.copy(me, from.as_str(), topology);
        }
        let disk = &self.instances[me].disk;
        let before = Before {
            topology: Some(topology),
            wrote: disk.wrote,
            logged: disk.applied(),
            waited: Millis((self.now - since) * TICK),
            grace: self.settings.heartbeat_interval,
        };
        let ready = self.now + 5 + self.random.below(30);
        match start(&name, &before) {
            Start::Wait => return,
            Start::Keep => {}
            Start::CutBack { .. } if self.bug == Some(Bug::Resurrection) => {}
            Start::CutBack { .. } => {
                let disk = &mut self.instances[me].disk;
                disk.log.truncate(disk.committed);
            }
        }
        let disk = &mut self.instances[me].disk;
        disk.committed = disk.log.len();
        disk.wrote = false;
        self.instances[me].process = Process::Starting { ready };
    }

    /// Looks whether what is held belongs.
    fn judge(&mut self, me: usize, topology: &Topology) {
        let history = &topology.history;
        let waiting = matches!(self.instances[me].process, Process::Down { .. });
        if waiting || self.bug == Some(Bug::Resurrection) {
            return;
        }
        let writable = self.instances[me].live().is_some_and(|live| live.writable.is_some());
        let disk = if writable { return } else { &mut self.instances[me].disk };
        let applied = history.contains(disk.applied());
        let received = history.contains(disk.received());
        if applied != Containment::Contained {
            disk.needs_copy = true;
        } else if received != Containment::Contained {
            disk.relay.clear();
        }
    }

    fn kill_if_unwanted(&mut self, me: usize, topology: &Topology) {
        let name = self.instances[me].name.clone();
        let serves = matches!(duty(&name, topology), Duty::Serve { .. });
        let writable = self.instances[me].live().and_then(|live| live.writable);
        if writable.is_some_and(|term| !serves || term != topology.term) {
            self.kill(me, "it did not answer and was replaced");
        }
    }

    pub(crate) fn kill(&mut self, me: usize, how: &str) {
        let unflushed = self.random.index(4);
        let now = self.now;
        self.instances[me].kill_database(now, how, unflushed);
    }

    fn act(&mut self, me: usize, topology: &Topology) {
        let name = self.instances[me].name.clone();
        let wanted = duty(&name, topology);
        let writable = self.instances[me].live().and_then(|live| live.writable);
        let stays = match &wanted {
            Duty::Serve { term, .. } | Duty::HandOver { term } => writable.is_none_or(|of| of == *term),
            Duty::Idle | Duty::Fence { .. } | Duty::Follow { .. } | Duty::Copy { .. } => writable.is_none(),
        };
        if !stays {
            return self.kill(me, "it was demoted");
        }
        match wanted {
            Duty::Idle => self.live(me).link = None,
            Duty::Fence { term } => {
                if self.bug != Some(Bug::NoFence) {
                    self.live(me).link = None;
                }
                self.agent(me).fenced = term;
            }
            Duty::Follow { term, primary, acknowledge } => {
                let to = self.number(primary.as_str());
                self.follow(
                    me,
                    term,
                    to,
                    acknowledge || self.bug == Some(Bug::LateMember),
                    topology.history.base(),
                );
            }
            Duty::Serve { term, acknowledgement, barred } => {
                self.serve(me, term, acknowledgement, &barred.into_iter().collect::<Vec<_>>());
            }
            Duty::HandOver { term } => self.hand_over(me, term),
            Duty::Copy { from } => {
                self.kill(me, "it is to be copied");
                self.copy(me, from.as_str(), topology);
            }
        }
    }

    fn live(&mut self, me: usize) -> &mut Live {
        self.instances[me].process.live_mut().expect("the caller has seen that it is up")
    }

    fn follow(&mut self, me: usize, term: Term, to: usize, acknowledging: bool, base: Position) {
        let now = self.now;
        if self.instances[me].disk.needs_copy {
            self.live(me).link = None;
            return;
        }
        let link = self.live(me).link;
        if link.is_none_or(|link| link.to != to) {
            // What was received and not applied is thrown away, and fetched again. It may have been acknowledged, in
            // this term, so it is applied first; what is older the primary holds, and nobody without it is promoted.
            let disk = &mut self.instances[me].disk;
            if disk.received().sequence() > base.sequence() && !disk.relay.is_empty() {
                return;
            }
            disk.relay.clear();
        }
        if link.is_none_or(|link| link.to != to || link.acknowledging != acknowledging) {
            let live = self.live(me);
            live.handed_over = None;
            live.draining = false;
            live.link = Some(Link { id: 0, to, acknowledging, heard: now });
        }
        self.agent(me).fenced = term;
        self.regain(me, to);
    }

    /// An instance that lost what it received is certain again once it has what the primary had when it came back.
    fn regain(&mut self, me: usize, primary: usize) {
        let name = self.instances[primary].name.clone();
        let since = self.instances[me].disk.uncertain_since;
        let newer = self.news.get(&name).is_some_and(|at| *at > since);
        let disk = &mut self.instances[me].disk;
        if disk.uncertain
            && disk.target.is_none()
            && newer
            && let Some(report) = self.store.reports.get(&name)
            && matches!(report.role, Role::Primary { .. })
        {
            disk.target = Some(report.applied);
        }
        if disk.target.is_some_and(|target| disk.received().reaches(target)) {
            disk.uncertain = false;
            disk.target = None;
        }
    }

    fn serve(
        &mut self,
        me: usize,
        term: Term,
        how: Acknowledgement,
        barred: &[stanchion_ha_core::InstanceName],
    ) {
        if self.instances[me].disk.needs_copy {
            return;
        }
        self.live(me).link = None;
        self.live(me).draining = false;
        self.agent(me).fenced = term;
        if self.live(me).writable.is_none() {
            if !self.instances[me].disk.relay.is_empty() {
                return;
            }
            let disk = &mut self.instances[me].disk;
            disk.wrote = true;
            disk.committed = disk.log.len();
            // Who is promoted holds everything; that is what it was promoted for.
            disk.uncertain = false;
            disk.target = None;
            let live = self.live(me);
            *live = Live { writable: Some(term), ..Live::default() };
        }
        let applied = self.instances[me].disk.applied();
        let bars: std::collections::BTreeSet<_> = barred.iter().cloned().collect();
        if !bars.is_subset(&self.instances[me].disk.barred) {
            self.live(me).barred_at = applied;
        }
        let numbers: Vec<usize> = bars.iter().map(|name| self.number(name.as_str())).collect();
        self.instances[me].disk.barred = bars;
        let live = self.live(me);
        live.dumps.retain(|(_, of, _)| !numbers.contains(of));
        match how {
            Acknowledgement::Alone => {
                live.requires = None;
                self.release(me);
            }
            Acknowledgement::Entering | Acknowledgement::Required => {
                live.requires.get_or_insert(applied);
            }
        }
    }

    /// Commits all that waits, without an acknowledgement.
    pub(crate) fn release(&mut self, me: usize) {
        let waiting = std::mem::take(&mut self.live(me).waiting);
        for (index, _) in waiting {
            let disk = &mut self.instances[me].disk;
            disk.committed = disk.committed.max(index + 1);
            let write = disk.log[index].write;
            self.acknowledged.push((write, me));
        }
    }

    fn hand_over(&mut self, me: usize, term: Term) {
        let position = self.instances[me].disk.applied();
        let live = self.live(me);
        live.draining = true;
        if live.writable == Some(term) && live.waiting.is_empty() {
            live.writable = None;
            live.handed_over = Some((term, position));
            self.instances[me].disk.wrote = false;
        }
    }

    fn copy(&mut self, me: usize, from: &str, topology: &Topology) {
        let now = self.now;
        let since = *self.agent(me).copying.get_or_insert(now);
        let from = self.number(from);
        if now < since + 20 || !self.instances[from].works() || self.is_cut(me, from) {
            return;
        }
        // The end of a copy locks out commits, and waits for those that wait for an acknowledgement.
        if self.instances[from].live().is_some_and(|live| !live.waiting.is_empty()) {
            return;
        }
        let log = self.instances[from].disk.log.clone();
        let name = self.instances[me].name.clone();
        let committed = log.len();
        let uncertain = counted_on(&name, topology);
        self.instances[me].disk =
            super::database::Disk { log, committed, uncertain, uncertain_since: now, ..Default::default() };
        // A copy of a primary may have what nobody has acknowledged yet; the next look at the history tells.
        self.agent(me).copying = None;
        self.instances[me].process = Process::Starting { ready: now + 10 };
    }

    fn tell(&mut self, me: usize) {
        if !self.reaches_store(me) || self.random.one_in(3) {
            return;
        }
        let report = self.report(me);
        self.agent(me).told_leaving = report.leaving;
        let name = self.instances[me].name.clone();
        let now = self.now;
        self.news.insert(name.clone(), now);
        self.store.report(&name, report);
    }

    fn report(&mut self, me: usize) -> Report {
        let number = {
            let agent = self.agent(me);
            agent.number += 1;
            agent.number
        };
        let role = self.role(me);
        let now = self.now;
        let instance = &self.instances[me];
        let agent = instance.agent.as_ref().expect("the caller has seen that it runs");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 3306));
        let standing = if instance.disk.needs_copy {
            Standing::NeedsCopy { why: "it diverged".to_owned(), saved: None }
        } else if instance.disk.received() == Position::START {
            Standing::Empty
        } else {
            Standing::Contained
        };
        Report {
            server: instance.server,
            life: agent.life.to_string(),
            number,
            database_address: address,
            agent_address: address,
            seen: agent.known.as_ref().map_or(0, |(revision, _)| *revision),
            database: match &instance.process {
                Process::Up(_) if instance.hung => {
                    Database::Unresponsive { since: Millis((now - instance.hung_since) * TICK) }
                }
                Process::Up(_) => Database::Running,
                Process::Starting { .. } => Database::Starting,
                Process::Down { how, .. } => Database::Ended { how: how.clone() },
            },
            role,
            fenced: agent.fenced,
            received: instance.disk.received(),
            applied: instance.disk.applied(),
            uncertain: instance.disk.uncertain,
            apply_lag: Millis(instance.disk.relay.len() as u64 * TICK),
            apply_rate: None,
            standing,
            origin: None,
            leaving: agent.leaving.is_some(),
            measures: Measures::default(),
        }
    }

    fn role(&self, me: usize) -> Role {
        let instance = &self.instances[me];
        let Some(live) = instance.live() else { return Role::Idle };
        let agent = instance.agent.as_ref().expect("the caller has seen that it runs");
        if let Some(term) = live.writable {
            let waiting = live.waiting.first().map_or(0, |(_, since)| (self.now - since) * TICK);
            return Role::Primary {
                term,
                requires: live.requires,
                barred: instance.disk.barred.clone(),
                barred_at: live.barred_at,
                waiting: Millis(waiting),
            };
        }
        if let Some((term, position)) = live.handed_over {
            return Role::HandedOver(HandedOver { term, position });
        }
        live.link.map_or(Role::Idle, |link| Role::Follower {
            term: agent.fenced,
            primary: self.instances[link.to].name.clone(),
            receiving: self.now - link.heard <= 10,
            acknowledging: link.acknowledging,
            unheard: Millis((self.now - link.heard) * TICK),
            trouble: None,
        })
    }
}
