//! How long an end may take.

use std::time::Duration;

use super::{Group, Told};
use crate::check::{Check, Group as Of};
use crate::checks::databases::{self, Database};
use crate::checks::shell::{self, Script};
use crate::facts::Facts;
use crate::facts::kube::template::{Container, Handler};
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;
use crate::units::{Bytes, Seconds};

/// What a Pod has that says nothing.
const DEFAULT: i64 = 30;
/// No database ends in less.
const LEAST: i64 = 10;
/// So much is written in a second where the disk is one of a network.
const WRITTEN: i64 = 100 << 20;

pub(crate) const CHECK: Check = Check {
    id: "pods/grace-period",
    group: Of::Pods,
    severity: Severity::Warning,
    title: "the grace period ends before the end is done",
    meaning: "The grace period counts from the moment a Pod is asked to go, its preStop hook included, and what is left then is killed. \
              A database that is killed has to recover when it starts, which takes longer than its end would have.",
    basis: &["https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination"],
    needs: &[Need::KubePods],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for group in Group::all(facts) {
        let grace = group.of.template.termination_grace_period_seconds.unwrap_or(DEFAULT);
        for container in group.of.template.running() {
            let waits = container.lifecycle.pre_stop.as_ref().map_or(0, waited);
            if waits > 0 && waits >= grace {
                let told = slept_away(group, container, waits, grace);
                group.tell(findings, &told);
                continue;
            }
            let database = databases::recognise(container).filter(|_| databases::is_one(&group.of.template));
            if let Some(told) = database.and_then(|it| of_database(group, container, it, grace - waits)) {
                group.tell(findings, &told);
            }
        }
    }
}

fn slept_away(group: Group<'_>, container: &Container, waits: i64, grace: i64) -> Told {
    Told {
        severity: Severity::Warning,
        summary: format!("the preStop hook of container {} takes all of the grace period", container.name),
        advice: format!(
            "set terminationGracePeriodSeconds to {waits} and what the container itself needs to end"
        ),
        evidence: vec![
            group.evidence("the hook waits", format!("{waits} s")),
            group.evidence("grace period", format!("{grace} s")),
        ],
    }
}

fn of_database(group: Group<'_>, container: &Container, database: Database, left: i64) -> Option<Told> {
    let (name, engine) = (&container.name, database.engine.name);
    let evidence = || vec![group.evidence("time to end", format!("{left} s"))];
    if left < LEAST {
        return Some(Told {
            severity: Severity::Warning,
            summary: format!("{engine} in container {name} is killed {left} s after it is told to end"),
            advice: "give it a terminationGracePeriodSeconds of a minute or more".to_owned(),
            evidence: evidence(),
        });
    }
    let resources = &container.resources;
    let memory = resources.limits.memory.or(resources.requests.memory)?;
    // Three quarters of it are caches, and in the worst case all of that is yet to be written.
    let needed = memory / 4 * 3 / WRITTEN;
    (database.engine.flushes && left <= DEFAULT && needed > left).then(|| {
        let mut evidence = evidence();
        evidence.push(group.evidence("memory", Bytes(memory.unsigned_abs())));
        let time = Seconds(Duration::from_secs(needed.unsigned_abs()));
        Told {
            severity: Severity::Info,
            summary: format!("{engine} in container {name} may need longer to write its caches than its grace period"),
            advice: format!(
                "set terminationGracePeriodSeconds to what an orderly end took; {time} is what three quarters of its memory \
                 take at 100 MiB a second"
            ),
            evidence,
        }
    })
}

/// Returns how many seconds a hook waits for certain.
fn waited(hook: &Handler) -> i64 {
    if let Some(sleep) = &hook.sleep {
        return sleep.seconds;
    }
    let Some(exec) = &hook.exec else { return 0 };
    match shell::script_of(&exec.command) {
        // Only what is run in any case; after that it may be another thing that takes time.
        Some((_, script)) => Script::read(script).commands().map_while(slept).sum(),
        None => slept(&exec.command).unwrap_or_default(),
    }
}

fn slept(words: &[String]) -> Option<i64> {
    let (program, arguments) = words.split_first()?;
    if shell::base(program) != "sleep" {
        return None;
    }
    let [time] = arguments else { return None };
    let (number, factor) = match time.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (time.strip_suffix('s').unwrap_or(time), 1),
    };
    number.parse::<i64>().ok()?.checked_mul(factor)
}
