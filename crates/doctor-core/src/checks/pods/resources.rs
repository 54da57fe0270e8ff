//! What containers ask for, and the most they may have.

use super::{ByNamespace, Group, Told};
use crate::check::{Check, Group as Of};
use crate::checks::databases;
use crate::facts::Facts;
use crate::facts::kube::template::{Container, Template};
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "pods/resources",
    group: Of::Pods,
    severity: Severity::Warning,
    title: "a container asks for no memory or processor, or may take all memory of its node",
    meaning: "What is not asked for is not kept free: the Pod is placed where there is no room, and is the first to be evicted or \
              killed when its node runs out. Without a limit on memory one Pod can bring its whole node there.",
    basis: &[
        "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
        "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
    ],
    needs: &[Need::KubePods],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut ordinary = ByNamespace::default();
    for group in Group::all(facts) {
        let template = &group.of.template;
        for container in template.running() {
            let lacks = Lacks::of(template, container);
            if databases::recognise(container).is_some() && databases::is_one(template) {
                of_database(group, container, lacks, findings);
            } else if lacks.memory_request && lacks.cpu_request {
                let evidence = vec![group.evidence(format!("requests of {}", container.name), "none")];
                let summary = "containers ask for neither memory nor processor".to_owned();
                let advice = "set requests of what they use".to_owned();
                let told = Told { severity: Severity::Info, summary, advice, evidence };
                ordinary.tell(findings, group, told);
            }
        }
    }
}

/// What nothing is said of, neither for the container nor for its Pod.
#[derive(Clone, Copy)]
struct Lacks {
    memory_request: bool,
    cpu_request: bool,
    memory_limit: bool,
}

impl Lacks {
    /// A limit without a request counts as one: admission makes it so.
    fn of(template: &Template, container: &Container) -> Self {
        let (own, all) = (&container.resources, &template.resources);
        let is_zero = |amount: Option<i64>| amount.unwrap_or_default() <= 0;
        let memory_limit = is_zero(own.limits.memory) && is_zero(all.limits.memory);
        let asks = |own: Option<i64>, all: Option<i64>| !is_zero(own) || !is_zero(all);
        Self {
            memory_request: memory_limit && !asks(own.requests.memory, all.requests.memory),
            cpu_request: !asks(own.requests.cpu, all.requests.cpu) && !asks(own.limits.cpu, all.limits.cpu),
            memory_limit,
        }
    }
}

fn of_database(group: Group<'_>, container: &Container, lacks: Lacks, findings: &mut Findings) {
    let name = &container.name;
    let mut tell = |severity, what: &str, summary: String, advice: &str| {
        let evidence = vec![group.evidence(format!("{what} of {name}"), "none")];
        group.tell(findings, &Told { severity, summary, advice: advice.to_owned(), evidence });
    };
    if lacks.memory_request {
        let advice = "set a request of what it uses with warm caches, and a limit of the same size";
        let summary = format!("the database in container {name} asks for no memory");
        tell(Severity::Warning, "memory request", summary, advice);
    } else if lacks.memory_limit {
        let advice = "set a limit of the size of its request, so that it is never over what was kept for it";
        let summary = format!("the database in container {name} may take all memory of its node");
        tell(Severity::Info, "memory limit", summary, advice);
    }
    if lacks.cpu_request {
        let advice = "set a request of what it needs when it is busy; a limit is not needed";
        let summary = format!("the database in container {name} asks for no processor");
        tell(Severity::Info, "processor request", summary, advice);
    }
}
