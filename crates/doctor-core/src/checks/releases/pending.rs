//! Releases that nobody finished.

use std::collections::BTreeMap;

use crate::check::{Check, Group};
use crate::checks::age::{shown, since};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::cluster::Release;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

/// Helm waits for five minutes unless it is told otherwise; longer waits are told on its command line, so there is some
/// room.
const LONG: i64 = 15 * 60;

pub(crate) const CHECK: Check = Check {
    id: "releases/pending",
    group: Group::Releases,
    severity: Severity::Warning,
    title: "a release of Helm is stuck in the middle of an operation",
    meaning: "Helm notes that it has begun before it begins, and a Helm that is killed never notes the end. Until that is undone by \
              hand, every later upgrade is refused since another operation is in progress.",
    basis: &["https://helm.sh/docs/helm/helm_rollback/", "https://github.com/helm/helm/issues/8987"],
    needs: &[Need::KubeReleases],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut newest: BTreeMap<(&str, &str), &Release> = BTreeMap::new();
    for release in &facts.kube.releases {
        let (Some(name), Some(revision)) = (release.name(), release.revision()) else { continue };
        let kept = newest.entry((release.meta.namespace(), name)).or_insert(release);
        if kept.revision().is_none_or(|kept| kept < revision) {
            *kept = release;
        }
    }
    for ((namespace, name), release) in newest {
        let status = release.status().unwrap_or_default();
        if !matches!(status, "pending-install" | "pending-upgrade" | "pending-rollback" | "uninstalling") {
            continue;
        }
        let Some(age) = since(facts.now, touched(release)).filter(|age| *age >= LONG) else { continue };
        let subject = crate::subject::Subject::namespaced("Release", namespace, name);
        let source = source::of(facts, &release.meta.subject("Secret"));
        let evidence = vec![
            Evidence::new("status", status, &source),
            Evidence::new("revision", release.revision().unwrap_or_default(), &source),
            Evidence::new("since", format!("{} ago", shown(age)), &source),
        ];
        let advice = match status {
            "pending-install" => {
                "see that no Helm runs any more, then `helm uninstall` it, and install it anew"
            }
            "uninstalling" => "see that no Helm runs any more, then `helm uninstall` it again",
            _ => {
                "see that no Helm runs any more, then `helm rollback` to the last revision that `helm history` calls deployed"
            }
        };
        findings.add(Severity::Warning, subject, format!("it is stuck in {status}"), advice, evidence);
    }
}

/// Returns when a revision was last written.
fn touched(release: &Release) -> Option<i64> {
    let modified = release.meta.labels.get("modifiedAt").and_then(|at| at.parse().ok());
    modified.or(release.meta.created)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::checks::given::{NOW, finds, found};
    use crate::severity::Severity;

    fn revision(number: u32, status: &str, age: i64) -> Value {
        json!({"kind": "Release", "metadata": {"name": format!("sh.helm.release.v1.web.v{number}"), "namespace": "a",
            "labels": {"owner": "helm", "name": "web", "version": number.to_string(), "status": status,
                "modifiedAt": (NOW - age).to_string()}}})
    }

    #[test]
    fn the_newest_revision_says_whether_a_release_is_stuck() {
        let finding = finds(
            "releases/pending",
            Severity::Warning,
            &[revision(9, "superseded", 9_000), revision(10, "pending-upgrade", 1_000)],
        );
        assert_eq!(
            (finding.summary.as_str(), finding.subject.name.as_str()),
            ("it is stuck in pending-upgrade", "web")
        );
        assert!(finding.advice.contains("rollback"), "{finding:#?}");
        assert_eq!(found(&[revision(1, "pending-install", 9_000), revision(2, "deployed", 1_000)]), []);
        assert_eq!(found(&[revision(1, "pending-install", 600)]), [], "it may still be under way");
        assert_eq!(found(&[revision(1, "failed", 9_000)]), []);
    }
}
