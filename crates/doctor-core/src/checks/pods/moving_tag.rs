//! Images by tags that move.

use super::{ByNamespace, Group, Told};
use crate::check::{Check, Group as Of};
use crate::checks::databases;
use crate::facts::Facts;
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

/// Words of tags that are given to other images later.
const MOVING: [&str; 22] = [
    "alpha",
    "beta",
    "canary",
    "current",
    "dev",
    "develop",
    "development",
    "edge",
    "head",
    "latest",
    "lts",
    "main",
    "master",
    "next",
    "nightly",
    "prod",
    "production",
    "rolling",
    "snapshot",
    "stable",
    "testing",
    "unstable",
];

pub(crate) const CHECK: Check = Check {
    id: "pods/moving-tag",
    group: Of::Pods,
    severity: Severity::Warning,
    title: "an image is named by a tag that moves",
    meaning: "With each restart on another node it may be another version, which nobody rolled out and nobody can roll back. A \
              database may convert its files for a newer version, which the older one then cannot read.",
    basis: &["https://kubernetes.io/docs/concepts/containers/images/#image-names"],
    needs: &[Need::KubePods],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let mut ordinary = ByNamespace::default();
    for group in Group::all(facts) {
        let template = &group.of.template;
        let databases: Vec<_> = databases::of(template).map(|(container, _)| &container.name).collect();
        for container in template.init_containers.iter().chain(&template.containers) {
            let Some(tag) = moving(&container.image) else { continue };
            let evidence = vec![group.evidence(format!("image of {}", container.name), &container.image)];
            let advice = "name the version, best with its digest".to_owned();
            if databases.contains(&&container.name) {
                let summary = format!("the database in container {} is of an image {tag}", container.name);
                let told = Told { severity: Severity::Warning, summary, advice, evidence };
                group.tell(findings, &told);
            } else {
                let summary = "images are named by tags that move".to_owned();
                let told = Told { severity: Severity::Info, summary, advice, evidence };
                ordinary.tell(findings, group, told);
            }
        }
    }
}

/// Says what is wrong with how an image is named.
fn moving(image: &str) -> Option<String> {
    if image.is_empty() || image.contains('@') {
        return None;
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    let Some((_, tag)) = last.split_once(':') else { return Some("without a tag".to_owned()) };
    let has_number = tag.contains(|one: char| one.is_ascii_digit());
    let mut words = tag.split(['-', '_', '.']);
    let moves = !has_number && words.any(|word| MOVING.contains(&word.to_ascii_lowercase().as_str()));
    moves.then(|| format!("with the tag {tag}"))
}
