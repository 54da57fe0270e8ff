//! How often a name is asked for before it is found.

use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::template::Template;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// What Pods have if they say nothing.
const DEFAULT: u32 = 5;
/// Fewer Pods do not ask for so much that it matters.
const MANY: usize = 100;

pub(crate) const CHECK: Check = Check {
    id: "dns/ndots",
    group: Group::Dns,
    severity: Severity::Warning,
    title: "the resolver of Pods asks several times for each name",
    meaning: "A name with fewer dots than ndots is first asked for in each of the search domains: with the usual 5 a name outside of \
              the cluster takes five questions, twice that for both kinds of addresses. Names that end with a dot, or a lower \
              ndots, are asked for once.",
    basis: &[
        "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-config",
        "https://github.com/coredns/deployment/blob/master/kubernetes/Scaling_CoreDNS.md",
    ],
    needs: &[Need::KubePods, Need::KubeWorkloads, Need::KubeJobs],
    fix: Some("sets ndots to 2"),
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for group in facts.kube.pods.groups() {
        let Some(ndots) = ndots(&group.template) else { continue };
        let count = facts.kube.pods.members(group).filter(|pod| pod.is_live()).count();
        let source = source::of(facts, &group.cause);
        let evidence = vec![Evidence::new("ndots", ndots, &source), Evidence::new("Pods", count, &source)];
        let advice = "set `ndots` to 1 or 2 in dnsConfig.options if it uses whole names, or end the names that it asks for with a dot";
        if count > 0 && ndots > DEFAULT {
            let summary = format!("its ndots is {ndots}: more than the usual {DEFAULT}");
            findings.add(Severity::Warning, group.cause.clone(), summary, advice, evidence);
        } else if count >= MANY && ndots == DEFAULT {
            let summary = "very many Pods ask several times for each name outside of the cluster";
            findings.add(Severity::Info, group.cause.clone(), summary, advice, evidence);
        }
    }
}

/// Returns the ndots of Pods that ask the DNS of the cluster.
fn ndots(template: &Template) -> Option<u32> {
    let asks_cluster = match template.dns_policy.as_str() {
        "ClusterFirst" | "" => !template.host_network,
        "ClusterFirstWithHostNet" => true,
        _ => false,
    };
    let mut options = template.dns_config.options.iter();
    match options.find(|option| option.name == "ndots") {
        Some(option) => {
            option.value.as_ref()?.parse().ok().filter(|_| asks_cluster || template.dns_policy == "None")
        }
        None => asks_cluster.then_some(DEFAULT),
    }
}
