//! The resources that are served: the table's, and those of established `CustomResourceDefinitions`.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};
use stanchion_kinds::table::{self, ROWS};

use crate::custom::CustomVersion;
use crate::resource::Resource;

/// Versions of a custom resource by group, plural and version.
type Custom = BTreeMap<(String, String), Vec<Arc<CustomVersion>>>;

/// Everything that is served.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    custom: RwLock<Custom>,
}

/// One version of a group.
#[derive(Debug)]
pub(crate) struct GroupVersion {
    pub(crate) version: String,
    pub(crate) resources: Vec<Resource>,
}

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The preferred version first.
    pub(crate) versions: Vec<GroupVersion>,
}

impl Catalog {
    /// Finds a resource in a version.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Resource> {
        if let Some(kind) = table::resource(group, version, plural) {
            return Some(Resource::BuiltIn(kind));
        }
        let custom = self.custom.read();
        let versions = custom.get(&(group.to_owned(), plural.to_owned()))?;
        let found = versions.iter().find(|custom| custom.version == version && custom.served);
        found.map(|custom| Resource::Custom(Arc::clone(custom)))
    }

    /// Serves the versions of a custom resource in place of those before; none takes it away.
    pub(crate) fn set(&self, group: &str, plural: &str, versions: Vec<Arc<CustomVersion>>) {
        let key = (group.to_owned(), plural.to_owned());
        let mut custom = self.custom.write();
        if versions.is_empty() {
            custom.remove(&key);
        } else {
            custom.insert(key, versions);
        }
    }

    /// Returns every group with its versions and resources, core first.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for row in ROWS {
            place(&mut groups, Resource::BuiltIn(row));
        }
        for versions in self.custom.read().values() {
            for custom in versions.iter().filter(|custom| custom.served) {
                place(&mut groups, Resource::Custom(Arc::clone(custom)));
            }
        }
        for group in &mut groups {
            group.versions.sort_by_key(|version| std::cmp::Reverse(priority(&version.version)));
        }
        groups
    }

    /// Returns a tag that changes with anything that discovery or the documents say of a group.
    pub(crate) fn tag(&self, group: Option<&str>) -> String {
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update(stanchion_kinds::schema::TABLE);
        for ((of, _), versions) in self.custom.read().iter() {
            if group.is_none_or(|group| group == of) {
                for custom in versions {
                    hash.update(&custom.fingerprint);
                }
            }
        }
        let digest = hash.finalize();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..16])
    }
}

/// Returns whether a version of a group has kinds that are built in.
pub(crate) fn has_built_in(group: &str, version: &str) -> bool {
    ROWS.iter().any(|row| row.group == group && row.version == version)
}

fn place(groups: &mut Vec<Group>, resource: Resource) {
    let at = groups.iter().position(|group| group.name == resource.group()).unwrap_or_else(|| {
        groups.push(Group { name: resource.group().to_owned(), versions: Vec::new() });
        groups.len() - 1
    });
    let versions = &mut groups[at].versions;
    if let Some(version) = versions.iter_mut().find(|version| version.version == resource.version()) {
        version.resources.push(resource);
    } else {
        let version = resource.version().to_owned();
        versions.push(GroupVersion { version, resources: vec![resource] });
    }
}

/// Orders versions as clients prefer them: stable before beta before alpha, newer first.
pub(crate) fn priority(version: &str) -> (u8, u32, u32) {
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let Ok(major) = rest[..digits].parse() else { return (0, 0, 0) };
    match &rest[digits..] {
        "" => (3, major, 0),
        tail => {
            let (stage, minor) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
            let minor = minor.parse().unwrap_or(0);
            match stage {
                "beta" => (2, major, minor),
                "alpha" => (1, major, minor),
                _ => (0, 0, 0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::priority;

    #[test]
    fn versions_are_preferred_as_the_api_says() {
        let mut versions = vec!["v1alpha1", "v1", "v10", "v2beta3", "foo", "v2beta10", "v2"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v10", "v2", "v1", "v2beta10", "v2beta3", "v1alpha1", "foo"]);
    }
}
