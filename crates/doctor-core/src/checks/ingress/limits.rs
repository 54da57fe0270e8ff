//! Whether one address can take all of an Ingress.

use super::nginx;
use crate::check::{Check, Group};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::ingress::Ingress;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

/// What ingress-nginx calls itself in an `IngressClass`.
const CONTROLLER: &str = "k8s.io/ingress-nginx";
/// The annotations that limit what one address may do.
const LIMITS: [&str; 3] = [
    "nginx.ingress.kubernetes.io/limit-connections",
    "nginx.ingress.kubernetes.io/limit-rps",
    "nginx.ingress.kubernetes.io/limit-rpm",
];

pub(crate) const CHECK: Check = Check {
    id: "ingress/limits",
    group: Group::Ingress,
    severity: Severity::Info,
    title: "nothing limits what one address may ask of an Ingress",
    meaning: "Without limits one client, or a load test, takes all connections of the controller, and everybody behind it waits. \
              Limits of ingress-nginx count for each of its replicas, so three of them let three times as much through.",
    basis: &[
        "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#rate-limiting",
    ],
    needs: &[Need::KubePods, Need::KubeWorkloads, Need::KubeJobs, Need::KubeIngresses],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let replicas: usize =
        nginx(facts).map(|group| facts.kube.pods.members(group).filter(|pod| pod.is_ready).count()).sum();
    if replicas == 0 {
        return;
    }
    for ingress in &facts.kube.ingresses {
        let Some(class) = class(facts, ingress) else { continue };
        if LIMITS.iter().any(|limit| ingress.meta.annotations.contains_key(*limit)) {
            continue;
        }
        let subject = ingress.meta.subject("Ingress");
        let source = source::of(facts, &subject);
        let evidence = vec![
            Evidence::new("annotations", "none that begins with nginx.ingress.kubernetes.io/limit-", source),
            Evidence::new(
                "replicas of the controller, each with limits of its own",
                replicas,
                &facts.kube.server,
            ),
        ];
        let advice = "set limit-connections and limit-rps to what an honest client needs, divided by the number of replicas";
        let cause = Subject::new("IngressClass", class);
        let summary = "nothing limits what one address may ask of its Ingresses";
        findings.add_of(Severity::Info, &cause, subject, summary, advice, evidence);
    }
}

/// Returns the class of an Ingress that ingress-nginx serves.
fn class(facts: &Facts, ingress: &Ingress) -> Option<String> {
    let classes = facts.kube.ingress_classes.iter();
    let mut of_nginx = classes.filter(|class| class.spec.controller == CONTROLLER);
    let own = match ingress.class() {
        Some(name) => of_nginx.find(|class| class.meta.name == name),
        None => of_nginx.find(|class| class.is_default()),
    };
    own.map(|class| class.meta.name.clone())
}
