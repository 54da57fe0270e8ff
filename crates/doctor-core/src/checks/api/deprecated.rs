//! Versions of the API that go away.

use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::kube::said::DeprecatedApi;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) const CHECK: Check = Check {
    id: "api/deprecated",
    group: Group::Api,
    severity: Severity::Warning,
    title: "somebody asks for a version of the API that goes away",
    meaning: "With the release that does not have it any more, whoever asks for it fails: a controller, a chart, a script. The API \
              server counts such requests since its start, of whatever client; Endpoints are left out, as the cluster's own \
              controllers ask for them, and as they stay.",
    basis: &["https://kubernetes.io/docs/reference/using-api/deprecation-guide/"],
    needs: &[Need::KubeServer, Need::KubeDeprecatedApis],
    fix: None,
    run,
};

/// Deprecated since 1.33 and not to go: the controller that writes them is among those that ask for them.
const STAYS: (&str, &str, &str) = ("", "v1", "endpoints");

fn run(facts: &Facts, findings: &mut Findings) {
    for api in &facts.kube.deprecated_apis {
        if (&*api.group, &*api.version, &*api.resource) == STAYS {
            continue;
        }
        let DeprecatedApi { group, version, resource, removed } = api;
        let of = if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
        let source = format!("{}/metrics, apiserver_requested_deprecated_apis", facts.kube.server);
        let mut evidence = vec![Evidence::new("asked for", format!("{resource} of {of}"), &source)];
        let goes = removed.map(|(major, minor)| format!("{major}.{minor}"));
        evidence.extend(goes.as_ref().map(|goes| Evidence::new("not in", goes, &source)));
        evidence.extend(facts.kube.version.map(|(major, minor)| {
            Evidence::new(
                "this cluster is",
                format!("{major}.{minor}"),
                format!("{}/version", facts.kube.server),
            )
        }));
        let is_next = match (removed, facts.kube.version) {
            (Some(removed), Some((major, minor))) => *removed <= (major, minor + 1),
            _ => false,
        };
        let (severity, summary) = match goes {
            Some(goes) if is_next => (
                Severity::Warning,
                format!("somebody asks for it, and the next release does not have it: {goes}"),
            ),
            Some(goes) => (Severity::Info, format!("somebody asks for it, and it goes away with {goes}")),
            None => (Severity::Info, "somebody asks for it, and it is deprecated".to_owned()),
        };
        let advice = "find who asks: the audit log marks such requests with k8s.io/deprecated=true; then have it ask for the newer \
                      version, which the guide names";
        findings.add(severity, Subject::new("API", format!("{resource}.{of}")), summary, advice, evidence);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::Group;
    use crate::checks::given;
    use crate::facts::kube::said::DeprecatedApi;
    use crate::severity::Severity;
    use crate::{ALL, diagnose};

    fn of(removed: Option<(u32, u32)>) -> Vec<(Severity, String)> {
        let mut facts = given::facts(&[]);
        facts.kube.version = Some((1, 31));
        let api = DeprecatedApi {
            group: "flowcontrol.apiserver.k8s.io".to_owned(),
            version: "v1beta3".to_owned(),
            resource: "flowschemas".to_owned(),
            removed,
        };
        facts.kube.deprecated_apis.push(api);
        // In every cluster its own controllers ask for these.
        let endpoints = DeprecatedApi {
            version: "v1".to_owned(),
            resource: "endpoints".to_owned(),
            ..DeprecatedApi::default()
        };
        facts.kube.deprecated_apis.push(endpoints);
        let report = diagnose(&facts, ALL.iter().copied().filter(|check| check.group == Group::Api));
        report.findings.into_iter().map(|finding| (finding.severity, finding.subject.name)).collect()
    }

    #[test]
    fn what_the_next_release_lacks_is_to_be_replaced() {
        let name = || "flowschemas.flowcontrol.apiserver.k8s.io/v1beta3".to_owned();
        assert_eq!(of(Some((1, 32))), [(Severity::Warning, name())]);
        assert_eq!(of(Some((1, 31))), [(Severity::Warning, name())]);
        assert_eq!(of(Some((1, 33))), [(Severity::Info, name())]);
        assert_eq!(of(None), [(Severity::Info, name())]);
    }
}
