//! Defects of etcd, as its changelogs tell of them: those that lose or damage data, or end a member that is cared for.

use crate::facts::etcd::Version;
use crate::severity::Severity;

/// A defect of some versions.
pub(super) struct Defect {
    /// Those from here on have it.
    pub(super) from: Version,
    /// Those from here on do not.
    pub(super) until: Version,
    /// How grave it is.
    pub(super) severity: Severity,
    /// What happens.
    pub(super) what: &'static str,
}

const CRASH: &str =
    "a member that is killed under load may come back with other data than the rest, unnoticed";
const DEFRAGMENTATION: &str =
    "a member that crashes while it is defragmented may come back with other data than the rest";
const SNAPSHOT: &str = "a defragmentation while a member takes in a snapshot may damage its data";
const FULL_DISK: &str = "a defragmentation that fails, as on a full disk, ends the member";
const REVISION: &str =
    "a member that crashes while it compacts may come back with an older revision than it had";
const EVENTS: &str = "a watch may miss events that are just being compacted";
const REMOVED: &str = "an upgrade to 3.6 from here may bring members back that were removed long ago";

/// All of them. One that was there before the first version named here is told of that one on, as of older ones nothing is
/// said.
pub(super) const DEFECTS: &[Defect] = &[
    defect((3, 5, 0), (3, 5, 3), Severity::Critical, CRASH),
    defect((3, 5, 0), (3, 5, 6), Severity::Critical, DEFRAGMENTATION),
    defect((3, 5, 6), (3, 5, 23), Severity::Warning, SNAPSHOT),
    defect((3, 6, 0), (3, 6, 5), Severity::Warning, SNAPSHOT),
    defect((3, 4, 0), (3, 4, 38), Severity::Warning, SNAPSHOT),
    defect((3, 5, 6), (3, 5, 17), Severity::Warning, FULL_DISK),
    defect((3, 4, 0), (3, 4, 35), Severity::Warning, FULL_DISK),
    defect((3, 5, 0), (3, 5, 14), Severity::Warning, REVISION),
    defect((3, 4, 0), (3, 4, 32), Severity::Warning, REVISION),
    defect((3, 5, 0), (3, 5, 18), Severity::Warning, EVENTS),
    defect((3, 4, 0), (3, 4, 36), Severity::Warning, EVENTS),
    defect((3, 5, 0), (3, 5, 26), Severity::Info, REMOVED),
];

impl Defect {
    /// Returns whether a version has it.
    pub(super) fn is_of(&self, version: Version) -> bool {
        (self.from..self.until).contains(&version)
    }
}

const fn defect(
    from: (u64, u64, u64),
    until: (u64, u64, u64),
    severity: Severity,
    what: &'static str,
) -> Defect {
    Defect {
        from: Version::new(from.0, from.1, from.2),
        until: Version::new(until.0, until.1, until.2),
        severity,
        what,
    }
}
