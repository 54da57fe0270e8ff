//! What containers and the API server said of themselves: last lines of logs, and requests that were counted.

use super::Kube;

/// The last lines of a container before it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastLines {
    /// The namespace of its Pod.
    pub namespace: String,
    /// Its Pod.
    pub pod: String,
    /// Its name.
    pub container: String,
    /// The lines, without what looks like a secret.
    pub lines: Vec<String>,
}

/// A deprecated version of the API that somebody has asked for since the API server was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeprecatedApi {
    /// Its group; empty for the core.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its resource.
    pub resource: String,
    /// The release that does not have it any more, if that is known.
    pub removed: Option<(u32, u32)>,
}

impl Kube {
    /// Returns what a container said before it ended.
    pub fn last_lines(&self, namespace: &str, pod: &str, container: &str) -> Option<&LastLines> {
        self.last_lines
            .iter()
            .find(|last| last.namespace == namespace && last.pod == pod && last.container == container)
    }
}
