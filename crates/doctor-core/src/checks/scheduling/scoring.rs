//! How many nodes are looked at for each Pod.

use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

/// Below so many nodes all are looked at, and of more so many at least.
const LEAST: usize = 100;

pub(crate) const CHECK: Check = Check {
    id: "scheduling/scoring",
    group: Group::Scheduling,
    severity: Severity::Info,
    title: "how many nodes the scheduler looks at for each Pod",
    meaning: "The scheduler stops its search once it has found a share of the nodes good enough, by default a smaller one the larger \
              the cluster. A lower percentageOfNodesToScore makes it faster and its choice worse.",
    basis: &[
        "https://kubernetes.io/docs/concepts/scheduling-eviction/scheduler-perf-tuning/#percentage-of-nodes-to-score",
    ],
    needs: &[Need::KubeNodes, Need::KubePods],
    fix: None,
    run,
};

/// Returns how many nodes that fit end the search among so many, unless something else is said.
fn searched(nodes: usize) -> usize {
    if nodes < LEAST {
        return nodes;
    }
    let percent = 50_usize.saturating_sub(nodes / 125).max(5);
    (nodes * percent / 100).max(LEAST)
}

fn run(facts: &Facts, findings: &mut Findings) {
    let nodes = facts.kube.nodes.len();
    let searched = searched(nodes);
    if searched == nodes {
        return;
    }
    let configured = configuration(facts);
    let mut evidence = vec![
        Evidence::new("nodes", nodes, &facts.kube.server),
        Evidence::new(
            "found by default",
            searched,
            "the scheduler's rule: 50 % less one for every 125 nodes, 5 % at least",
        ),
    ];
    let summary = match configured {
        Some((source, true)) => {
            evidence.push(Evidence::new("configuration", "it has one, which the API does not show", source));
            "its search may be configured: the default would end it before all nodes are seen"
        }
        Some((source, false)) => {
            evidence.push(Evidence::new("configuration", "none: the default holds", source));
            "its search ends before all nodes are seen"
        }
        None => "unless it is configured, its search ends before all nodes are seen",
    };
    let advice = "nothing, unless Pods wait: then set percentageOfNodesToScore lower, but not below 10, in the scheduler's \
                  configuration; or higher if Pods are placed badly";
    findings.add(Severity::Info, Subject::new("scheduler", "default-scheduler"), summary, advice, evidence);
}

/// Says whether the scheduler has a configuration, if it runs as a Pod that can be seen.
fn configuration(facts: &Facts) -> Option<(String, bool)> {
    let is_scheduler = |labels: &std::collections::BTreeMap<String, String>| {
        labels.get("component").is_some_and(|component| component == "kube-scheduler")
    };
    let pods = facts.kube.pods.all().iter();
    let pod = pods.filter(|pod| &*pod.namespace == "kube-system").find(|pod| is_scheduler(&pod.labels))?;
    let mut words = pod.template.containers.iter().flat_map(|one| one.command.iter().chain(&one.args));
    let has_one = words.any(|word| word == "--config" || word.starts_with("--config="));
    Some((source::of(facts, &pod.subject()), has_one))
}

#[cfg(test)]
mod tests {
    use super::searched;

    #[test]
    fn the_default_follows_the_size_of_the_cluster() {
        let of = [0, 99, 100, 250, 500, 1_000, 2_000, 3_000, 3_124, 5_000, 5_625, 10_000].map(searched);
        assert_eq!(of, [0, 99, 100, 120, 230, 420, 680, 780, 812, 500, 281, 500]);
    }
}
