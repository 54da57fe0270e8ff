//! Shells that keep the signals for themselves.
//!
//! The kernel gives the first process of a container no signal that it has no handler for, and a shell has none. What it
//! started hears nothing either, and all is killed at the end of the grace period. A shell that becomes the program
//! (`exec`) or handles the signal (`trap`) is fine. bash becomes a single command by itself, and from 5.1 on the last one of
//! a list; dash as Debian builds it (0.5.12) becomes neither.

use super::{ByNamespace, Group, Told};
use crate::check::{Check, Group as Of};
use crate::checks::databases;
use crate::checks::shell::{self, Script, Shape};
use crate::facts::Facts;
use crate::facts::kube::template::{Container, Template};
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

const SHOWN: usize = 80;
const ADVICE: &str =
    "start the program with `exec` as the last command of the script, or use an init such as tini";

pub(crate) const CHECK: Check = Check {
    id: "pods/shell-as-first-process",
    group: Of::Pods,
    severity: Severity::Warning,
    title: "a shell is the first process of a container and does not pass SIGTERM on",
    meaning: "The program that the shell started never hears that it is to end, and is killed at the end of the grace period. A \
              database loses nothing that it has acknowledged, but has to recover, and every restart takes that much longer.",
    basis: &[
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
        "https://man7.org/linux/man-pages/man7/pid_namespaces.7.html",
    ],
    needs: &[Need::KubePods],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut ordinary = ByNamespace::default();
    for group in Group::all(facts) {
        let template = &group.of.template;
        // Where processes are shared the first one is another.
        if template.share_process_namespace || !matches!(template.restart_policy.as_str(), "Always" | "") {
            continue;
        }
        for container in template.running() {
            let Some((how, is_certain)) = judge(container) else { continue };
            let severity = severity(template, container, is_certain);
            let line = container.command.iter().chain(&container.args).cloned().collect::<Vec<_>>().join(" ");
            let shown: String = line.chars().take(SHOWN).collect();
            let evidence = vec![group.evidence(format!("command of {}", container.name), shown)];
            if severity > Severity::Info || databases::recognise(container).is_some() {
                let summary = format!("the shell in container {} {how}", container.name);
                group.tell(findings, &Told { severity, summary, advice: ADVICE.to_owned(), evidence });
            } else {
                let summary = "shells may keep SIGTERM from what they started".to_owned();
                ordinary.tell(
                    findings,
                    group,
                    Told { severity, summary, advice: ADVICE.to_owned(), evidence },
                );
            }
        }
    }
}

/// What depends on the shell in the image is said loudly of databases alone.
fn severity(template: &Template, container: &Container, is_certain: bool) -> Severity {
    let is_list_of_database = databases::recognise(container).is_some()
        && databases::is_one(template)
        && script(container).is_some_and(|(shell, script)| shell != "bash" && script.shape() == Shape::List);
    if is_certain || is_list_of_database { Severity::Warning } else { Severity::Info }
}

/// Says what a shell does, and whether each does.
fn judge(container: &Container) -> Option<(&'static str, bool)> {
    // A hook may end the program in another way.
    if container.lifecycle.pre_stop.as_ref().is_some_and(|hook| hook.exec.is_some()) {
        return None;
    }
    let (shell, script) = script(container)?;
    let becomes_it = matches!(shell, "bash" | "zsh" | "ksh");
    match script.shape() {
        Shape::Single if becomes_it && !script.is_redirected() => None,
        Shape::Fine => None,
        Shape::Single => Some(("may stay the first process and keep SIGTERM from the program", false)),
        Shape::List if becomes_it => {
            Some(("keeps SIGTERM from the program, if it is older than bash 5.1", false))
        }
        Shape::List => {
            Some(("does not pass SIGTERM on to the last command, unless it becomes it by itself", false))
        }
        Shape::Pipeline => Some(("waits for a pipeline and does not pass SIGTERM on", true)),
        Shape::Waits => Some(("waits for what is in the background and does not pass SIGTERM on", true)),
        Shape::Followed => Some(("waits for the program and does not pass SIGTERM on", true)),
        Shape::Loop => Some(("loops, and does not end by SIGTERM", false)),
    }
}

/// Returns the shell and the script of a container whose first process is a shell.
fn script(container: &Container) -> Option<(&'static str, Script)> {
    let line: Vec<String> = container.command.iter().chain(&container.args).cloned().collect();
    let (shell, script) = shell::script_of(&line).filter(|_| !container.command.is_empty())?;
    let shell = ["bash", "zsh", "ksh"].into_iter().find(|known| *known == shell).unwrap_or("sh");
    Some((shell, Script::read(script)))
}
