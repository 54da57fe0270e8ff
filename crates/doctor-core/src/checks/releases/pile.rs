//! Releases of Helm with a long history.

use std::collections::BTreeMap;

use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::kube::cluster::Release;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

/// What Helm keeps that is told nothing.
const USUAL: usize = 10;
/// Of each there is a Secret of up to a mebibyte.
const MANY: usize = 30;

pub(crate) const CHECK: Check = Check {
    id: "releases/pile",
    group: Group::Releases,
    severity: Severity::Warning,
    title: "many revisions of a release are kept",
    meaning: "Helm keeps all objects of each revision in a Secret of up to 1 MiB, and ten of them by default. Without a bound they fill \
              etcd and slow down every list of Secrets.",
    basis: &["https://helm.sh/docs/helm/helm_upgrade/"],
    needs: &[Need::KubeReleases],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut kept: BTreeMap<(&str, &str), Vec<&Release>> = BTreeMap::new();
    for release in &facts.kube.releases {
        if let Some(name) = release.name() {
            kept.entry((release.meta.namespace(), name)).or_default().push(release);
        }
    }
    for ((namespace, name), revisions) in kept.into_iter().filter(|(_, kept)| kept.len() > USUAL) {
        let severity = if revisions.len() > MANY { Severity::Warning } else { Severity::Info };
        let numbers = || revisions.iter().filter_map(|release| release.revision());
        let source =
            format!("{}/api/v1/namespaces/{namespace}/secrets?labelSelector=owner%3Dhelm", facts.kube.server);
        let mut evidence = vec![Evidence::new("revisions kept", revisions.len(), &source)];
        if let (Some(first), Some(last)) = (numbers().min(), numbers().max()) {
            evidence.push(Evidence::new("numbers", format!("{first} to {last}"), &source));
        }
        let subject = Subject::namespaced("Release", namespace, name);
        let summary = format!("Helm keeps {} revisions of it", revisions.len());
        let advice = "upgrade it with `--history-max 10`, which removes the others";
        findings.add(severity, subject, summary, advice, evidence);
    }
}
