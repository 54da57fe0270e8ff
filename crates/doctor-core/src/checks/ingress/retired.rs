//! Controllers of Ingresses that nobody maintains.

use super::nginx;
use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "ingress/retired",
    group: Group::Ingress,
    severity: Severity::Warning,
    title: "ingress-nginx is used, which is retired",
    meaning: "The project ended in March 2026: nothing that is found since then is corrected, holes in its security included. It \
              stands where everybody can reach it, so it has to be replaced while nothing is known against it.",
    basis: &["https://kubernetes.io/blog/2025/11/11/ingress-nginx-retirement/"],
    needs: &[Need::KubePods, Need::KubeWorkloads, Need::KubeJobs],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for group in nginx(facts) {
        let images = group.template.containers.iter().map(|one| one.image.as_str());
        let source = source::of(facts, &group.cause);
        let evidence = vec![Evidence::new("images", images.collect::<Vec<_>>().join(", "), source)];
        let advice = "move to a controller that is maintained, or to the Gateway API (ingress2gateway translates Ingresses)";
        for pod in facts.kube.pods.members(group).filter(|pod| pod.is_live()) {
            let summary = "it is ingress-nginx, which has been retired since March 2026";
            findings.add_of(
                Severity::Warning,
                &group.cause,
                pod.subject(),
                summary,
                advice,
                evidence.clone(),
            );
        }
    }
}
