//! What nodes are short of.

use super::subject;
use crate::check::{Check, Group};
use crate::checks::age::{shown, since};
use crate::checks::source;
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "nodes/pressure",
    group: Group::Nodes,
    severity: Severity::Critical,
    title: "a node is short of memory, disk or processes, or says that it is damaged",
    meaning: "A kubelet that is short of something evicts Pods until it is not, those above their requests first. Databases are \
              among them as soon as they use more than they asked for.",
    basis: &[
        "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
        "https://github.com/kubernetes/node-problem-detector",
    ],
    needs: &[Need::KubeNodes],
    fix: None,
    run,
};

/// A condition that is bad if it is true.
struct Bad {
    kind: &'static str,
    severity: Severity,
    summary: &'static str,
    advice: &'static str,
}

const BAD: [Bad; 10] = [
    Bad {
        kind: "MemoryPressure",
        severity: Severity::Critical,
        summary: "it is short of memory, and evicts Pods",
        advice: "see which Pods there use more memory than they ask for, and give them limits or move them",
    },
    Bad {
        kind: "DiskPressure",
        severity: Severity::Critical,
        summary: "it is short of disk, and evicts Pods",
        advice: "see what fills it: images, logs, emptyDirs, temporary files of databases; `crictl rmi --prune` removes images that \
                 nobody uses",
    },
    Bad {
        kind: "PIDPressure",
        severity: Severity::Critical,
        summary: "it is short of processes, and evicts Pods",
        advice: "find the Pod with very many processes or threads, and set the kubelet's podPidsLimit",
    },
    Bad {
        kind: "NetworkUnavailable",
        severity: Severity::Critical,
        summary: "its network is not set up",
        advice: "look at the Pod of the network plugin on this node",
    },
    Bad {
        kind: "ReadonlyFilesystem",
        severity: Severity::Critical,
        summary: "one of its file systems can only be read",
        advice: "look at its kernel's messages: a disk fails; drain the node, then repair or replace it",
    },
    Bad {
        kind: "KernelDeadlock",
        severity: Severity::Critical,
        summary: "its kernel hangs",
        advice: "drain the node and restart the machine",
    },
    Bad {
        kind: "XfsShutdown",
        severity: Severity::Critical,
        summary: "an XFS file system has shut itself down",
        advice: "look at its kernel's messages; the file system has to be repaired before its data can be used",
    },
    Bad {
        kind: "FrequentKubeletRestart",
        severity: Severity::Warning,
        summary: "its kubelet is started again and again",
        advice: "read `journalctl -u kubelet` on the machine",
    },
    Bad {
        kind: "FrequentContainerdRestart",
        severity: Severity::Warning,
        summary: "its container runtime is started again and again",
        advice: "read `journalctl -u containerd` on the machine",
    },
    Bad {
        kind: "ContainerRuntimeUnhealthy",
        severity: Severity::Critical,
        summary: "its container runtime does not answer",
        advice: "read `journalctl -u containerd` on the machine",
    },
];

fn run(facts: &Facts, findings: &mut Findings) {
    for node in &facts.kube.nodes {
        let source = source::of(facts, &subject(node));
        for Bad { kind, severity, summary, advice } in &BAD {
            let Some(condition) = node.condition(kind).filter(|condition| condition.status == "True") else {
                continue;
            };
            let mut evidence = vec![Evidence::new(*kind, &condition.message, &source)];
            let since = since(facts.now, condition.since);
            evidence.extend(since.map(|since| Evidence::new("for", shown(since), &source)));
            findings.add(*severity, subject(node), *summary, *advice, evidence);
        }
    }
}
