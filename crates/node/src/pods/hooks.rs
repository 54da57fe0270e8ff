//! Hooks of a Pod's containers: what follows a start and what comes before an end.

use std::time::Duration;

use stanchion_node_core::container::Observed;
use stanchion_node_core::hook::{Hook, HookKind};

use super::worker::{Message, Stage, Target, Worker};
use crate::checks;
use crate::clock;
use crate::events::Level;

impl Worker {
    /// Returns whether something runs before a container ends.
    pub(super) fn has_hook(&self, container: &str) -> bool {
        self.hook(container, HookKind::PreStop).is_some()
    }

    fn hook(&self, container: &str, kind: HookKind) -> Option<Hook> {
        // A hook that cannot be read has kept its container from being started.
        Hook::of(self.spec_of(container)?, kind).ok().flatten()
    }

    /// Runs a hook beside the task; its end comes as a message.
    pub(super) fn run_hook(&mut self, container: &str, kind: HookKind, limit: Option<Duration>) {
        let (Some(hook), Some(id)) = (self.hook(container, kind), self.run_id(container)) else { return };
        let (node, ip) = (self.node.clone(), self.pod_ips.first().cloned().unwrap_or_default());
        let container = container.to_owned();
        self.tasks.spawn(async move {
            let result = checks::hook(&node, &id, &hook, &ip, limit).await;
            Message::Hook { container, kind, result }
        });
    }

    /// Runs what follows the start of a container; until it is done no other container of the Pod is started.
    pub(super) fn post_start(&mut self, container: &str) {
        if self.hook(container, HookKind::PostStart).is_some() {
            self.hooking.insert(container.to_owned());
            self.run_hook(container, HookKind::PostStart, None);
        }
    }

    /// Returns whether the start of another container, with what follows it, has to be waited for.
    pub(super) fn waits_for_hook(&self) -> bool {
        let has_hook = |name: &String| self.hook(name, HookKind::PostStart).is_some();
        !self.hooking.is_empty() || self.starting.iter().any(has_hook)
    }

    /// Takes in that a hook has ended.
    pub(super) fn take_hook(&mut self, container: &str, kind: HookKind, result: Result<(), String>) {
        for ending in self.endings.values_mut().filter(|_| kind == HookKind::PreStop) {
            ending.hook_ended(container);
        }
        if kind == HookKind::PostStart {
            self.hooking.remove(container);
        }
        let Err(problem) = result else { return };
        let reason = match kind {
            HookKind::PreStop => "FailedPreStopHook",
            HookKind::PostStart => "FailedPostStartHook",
        };
        self.node.events.container(
            &self.pod,
            container,
            Level::Warning,
            reason,
            format!("{kind:?}Hook failed: {problem}"),
        );
        let target = Target::Container(container.to_owned());
        let lives = self.stage == Stage::Living && !self.endings.contains_key(&target);
        if kind == HookKind::PostStart
            && lives
            && self.observed.get(container).is_some_and(Observed::is_alive)
        {
            self.begin_container_end(container.to_owned(), None, clock::now());
        }
    }
}
