//! Where databases put what does not fit into memory.

use super::{Group, Told};
use crate::check::{Check, Group as Of};
use crate::checks::databases;
use crate::checks::shell;
use crate::facts::Facts;
use crate::facts::kube::template::{Container, Mount, Template, Volume};
use crate::finding::Findings;
use crate::need::Need;
use crate::severity::Severity;

pub(crate) const CHECK: Check = Check {
    id: "pods/temp-space",
    group: Of::Pods,
    severity: Severity::Warning,
    title: "temporary files of a database can fill the disk of its node",
    meaning: "One sort or join that does not fit into memory writes gigabytes to the temporary directory. If that is on the disk of the \
              node, the kubelet evicts Pods until there is room, this database and its neighbours among them.",
    basis: &[
        "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
        "https://dev.mysql.com/doc/refman/8.4/en/temporary-files.html",
        "https://mariadb.com/docs/server/server-management/variables-and-modes/server-system-variables#tmpdir",
    ],
    needs: &[Need::KubePods],
    fix: None,
    run,
};

/// Where temporary files go.
enum Place<'a> {
    /// To what a container writes beside its volumes.
    Layer,
    /// To a directory of the node that goes with the Pod.
    Unbounded(&'a str),
    /// To a directory of the node.
    Host(&'a str),
    /// To a volume, or to something that is bounded.
    Elsewhere,
}

fn run(facts: &Facts, findings: &mut Findings) {
    for group in Group::all(facts) {
        let template = &group.of.template;
        for (container, database) in databases::of(template) {
            let Some(usual) = database.engine.temp.filter(|_| !is_bounded(template, container)) else {
                continue;
            };
            let named = tmpdir(container);
            let directory = named.unwrap_or(usual);
            let (severity, place) = match place(template, container, directory) {
                Place::Elsewhere => continue,
                Place::Unbounded(volume) => {
                    (Severity::Warning, format!("emptyDir {volume} without a sizeLimit"))
                }
                Place::Host(path) => (Severity::Warning, format!("the node's directory {path}")),
                // Its configuration may name another directory.
                Place::Layer if named.is_none() && is_configured(container) => continue,
                Place::Layer => {
                    // What is in an image of somebody's own is not known.
                    let is_certain = named.is_some() || is_official(&container.image);
                    let severity = if is_certain { Severity::Warning } else { Severity::Info };
                    (severity, "the container's own layer".to_owned())
                }
            };
            let engine = database.engine.name;
            let told = Told {
                severity,
                summary: format!(
                    "temporary files of {engine} in container {} go to the disk of the node, without a bound",
                    container.name
                ),
                advice: "mount a volume for them and name it as tmpdir; an emptyDir with a sizeLimit costs only this Pod"
                    .to_owned(),
                evidence: vec![
                    group.evidence("directory", directory),
                    group.evidence("which is", place),
                    group.evidence("ephemeral-storage limit", "none"),
                ],
            };
            group.tell(findings, &told);
        }
    }
}

/// Returns whether what the container writes to the node's disk is bounded.
fn is_bounded(template: &Template, container: &Container) -> bool {
    let limits = [&container.resources.limits, &template.resources.limits];
    limits.into_iter().any(|limits| limits.ephemeral_storage.is_some())
}

/// Returns the directory that the command names.
fn tmpdir(container: &Container) -> Option<&str> {
    let mut words = container.command.iter().chain(&container.args);
    while let Some(word) = words.next() {
        match word.split_once('=') {
            Some(("--tmpdir", directory)) => return directory.split(':').next(),
            None if matches!(word.as_str(), "--tmpdir" | "-t") && shell::base(word) == word => {
                return words.next().map(String::as_str);
            }
            _ => {}
        }
    }
    None
}

/// Returns whether an image is one of those that Docker keeps, which set no tmpdir.
fn is_official(image: &str) -> bool {
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    !image.strip_prefix("library/").unwrap_or(image).contains('/')
}

/// Returns whether files that are not looked at configure the database, or a script or a manager starts it.
fn is_configured(container: &Container) -> bool {
    let is_settings = |mount: &Mount| {
        let path = &mount.path;
        path.contains("/conf") || path.contains(".cnf") || path.starts_with("/etc") || path.contains("tmp")
    };
    let words = container.command.iter().chain(&container.args);
    let names_file = |word: &String| word.starts_with("--defaults-") || word.contains(".cnf");
    !container.command.is_empty() && databases::recognise(container).is_some_and(|it| it.manager.is_some())
        || container.volume_mounts.iter().any(is_settings)
        || words.into_iter().any(names_file)
}

/// Returns where a directory is: on the volume that is mounted nearest above it.
fn place<'a>(template: &'a Template, container: &'a Container, directory: &'a str) -> Place<'a> {
    let is_above = |mount: &&Mount| {
        let path = mount.path.trim_end_matches('/');
        directory.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mounts = container.volume_mounts.iter().filter(is_above);
    let Some(mount) = mounts.max_by_key(|mount| mount.path.len()) else { return Place::Layer };
    match template.volume(&mount.name) {
        Some(Volume { empty_dir: Some(directory), name, .. }) => {
            let is_bounded = directory.medium == "Memory" || directory.size_limit.is_some();
            if is_bounded { Place::Elsewhere } else { Place::Unbounded(name) }
        }
        Some(Volume { host_path: Some(host), .. }) => Place::Host(&host.path),
        // Volumes of kinds that are not looked at are those of drivers.
        _ => Place::Elsewhere,
    }
}
