//! When kubelets remove images.

use super::{of_version, share_of};
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "nodes/image-gc",
    group: Group::Nodes,
    severity: Severity::Warning,
    title: "images are removed later than Pods, or not at all",
    meaning: "Images that nobody uses are what a full disk should give up first. Where Pods are evicted before that, databases go \
              for the sake of images that nobody needs.",
    basis: &["https://kubernetes.io/docs/concepts/architecture/garbage-collection/#containers-images"],
    needs: &[Need::KubeNodes, Need::KubeKubelets],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for kubelet in &facts.kube.kubelets {
        // A kubelet says its default, too; who says nothing has no images.
        let Some(high) = kubelet.image_gc_high else { continue };
        let (cause, node, source) = of_version(facts, kubelet);
        let evidence = |signal: &str, threshold: &str| {
            vec![
                Evidence::new("imageGCHighThresholdPercent", high, &source),
                Evidence::new(format!("evictionHard {signal}"), threshold, &source),
            ]
        };
        if high >= 100 {
            let advice = "set imageGCHighThresholdPercent to 85, or lower";
            let summary = "its kubelet never removes images";
            let evidence = evidence("", "whatever it is");
            findings.add_of(Severity::Warning, &cause, node, summary, advice, evidence);
            continue;
        }
        for signal in ["imagefs.available", "nodefs.available"] {
            let Some(threshold) = kubelet.eviction_hard.get(signal) else { continue };
            let Some(free) = share_of(threshold) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "it is a number of per cents")]
            let high = high as f64;
            if high > 100.0 - free * 100.0 {
                let summary = format!("its kubelet evicts Pods before it removes images, by {signal}");
                let advice =
                    "set imageGCHighThresholdPercent below the use of the disk at which Pods are evicted";
                findings.add_of(
                    Severity::Warning,
                    &cause,
                    node.clone(),
                    summary,
                    advice,
                    evidence(signal, threshold),
                );
            }
        }
    }
}
