//! Whether kubelets renew their certificates.

use crate::check::{Check, Group};
use crate::checks::nodes::of_version;
use crate::facts::Facts;
use crate::facts::kube::kubelet::Rotation;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "certs/kubelet-rotation",
    group: Group::Certs,
    severity: Severity::Warning,
    title: "a kubelet does not renew its certificate",
    meaning: "A kubelet whose certificate has ended is refused by the API server, and its node goes NotReady with all that runs on \
              it. It asks for a new one in time only if rotation is on, which is off unless its configuration says otherwise.",
    basis: &["https://kubernetes.io/docs/tasks/tls/certificate-rotation/"],
    needs: &[Need::KubeNodes, Need::KubeKubelets],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for kubelet in &facts.kube.kubelets {
        let (severity, said, summary) = match kubelet.rotation() {
            Rotation::On | Rotation::Unknown => continue,
            Rotation::Off => (
                Severity::Warning,
                "false",
                "its kubelet does not renew the certificate that the API server knows it by",
            ),
            Rotation::NotAsked => (
                Severity::Info,
                "not given, which is off",
                "its kubelet renews no certificate that the API server may know it by",
            ),
        };
        let (cause, node, source) = of_version(facts, kubelet);
        let evidence = vec![Evidence::new("rotateCertificates", said, source)];
        let advice = "unless something else logs it in or renews its certificate, set `rotateCertificates: true` in the kubelet's \
                      configuration and restart it; see that the controller manager approves and signs its requests";
        findings.add_of(severity, &cause, node, summary, advice, evidence);
    }
}
