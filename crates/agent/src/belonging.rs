//! Whose data a volume holds: a file on it names the object of the cluster (`cluster`, the uid).
//!
//! Transaction ids do not tell: a volume kept from an older cluster of the same name has the same servers and terms. The uid
//! is made with the object, so it comes before any data, and nobody has to agree on it. A cluster made anew over kept volumes
//! starts on them while it forms, for then all members are compared: the first primary's become the cluster's, with whatever
//! is exactly the same and of the same older cluster; the rest is copied. Until that is decided a volume keeps its name.
//! Afterwards a volume with another uid is not joined, unless others count on the instance: nobody else may hold what it
//! acknowledged. Volumes that name nobody were made before they did, and count as the cluster's.
//!
//! The file names us only while no data of somebody else are in the data directory: it is written before data are made,
//! and after those of another cluster were put aside; so a crash in between costs a copy at most.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::marker::MarkerError;

/// What is to be made of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the cluster's.
    Ours,
    /// It becomes the cluster's.
    Claim,
    /// It is used under the name it has, until it is decided with whose data the cluster goes on.
    Borrow {
        /// Whose it is.
        of: String,
    },
    /// It holds data of another cluster.
    Foreign {
        /// Whose.
        of: String,
    },
}

/// Which data of other clusters an instance may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Adoption {
    /// Whatever is there: the cluster forms with it as a member, which nobody decides without it.
    Forming,
    /// Whatever is there: others count on what it holds.
    CountedOn,
    /// What was this cluster's, if one is named, which its first primary's data are of.
    Heir(Option<String>),
    /// None.
    None,
}

/// Says what is to be made of a volume that names `found`, for an instance of `ours`.
pub(crate) fn judge(ours: Option<&str>, found: Option<&str>, has_data: bool, adoption: &Adoption) -> Verdict {
    let of = match (ours, found) {
        (None, _) => return Verdict::Ours,
        (Some(ours), Some(found)) if found == ours => return Verdict::Ours,
        (Some(_), Some(found)) if has_data => found.to_owned(),
        (Some(_), Some(_) | None) => return Verdict::Claim,
    };
    match adoption {
        Adoption::Forming => Verdict::Borrow { of },
        Adoption::CountedOn => Verdict::Claim,
        Adoption::Heir(Some(origin)) if *origin == of => Verdict::Claim,
        Adoption::Heir(_) | Adoption::None => Verdict::Foreign { of },
    }
}

/// The file that names the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    directory: PathBuf,
    path: PathBuf,
}

impl Label {
    /// The file of a volume.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), path: directory.join("cluster") }
    }

    /// Returns whom it names.
    pub(crate) fn read(&self) -> Result<Option<String>, MarkerError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(MarkerError::new("read", &self.path, source)),
        }
    }

    /// Names a cluster, durably; after a crash there is the old name or the new one.
    pub(crate) fn write(&self, uid: &str) -> Result<(), MarkerError> {
        let write = || {
            let new = self.path.with_extension("new");
            let mut file = File::create(&new)?;
            writeln!(file, "{uid}")?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|source| MarkerError::new("write", &self.path, source))
    }

    /// Puts data of another cluster aside, durably, and names `ours`. Returns where they are; none if they are ours.
    pub(crate) fn put_aside(&self, data: &Path, ours: &str) -> Result<Option<PathBuf>, MarkerError> {
        let Some(other) = self.read()?.filter(|found| found != ours) else { return Ok(None) };
        let aside = data.exists().then(|| self.aside(&other));
        if let Some(aside) = &aside {
            let put = || {
                fs::rename(data, aside)?;
                File::open(&self.directory)?.sync_all()
            };
            put().map_err(|source| MarkerError::new("put aside the data beside", &self.path, source))?;
        }
        self.write(ours)?;
        Ok(aside)
    }

    /// Returns a name that is free.
    fn aside(&self, other: &str) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let name: String = other.chars().take(64).map(plain).collect();
        let mut aside = self.directory.join(format!("data.of-{name}"));
        let mut number = 1;
        while aside.exists() {
            number += 1;
            aside = self.directory.join(format!("data.of-{name}.{number}"));
        }
        aside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_of_another_cluster_and_not_counted_on_is_foreign() {
        let heir = |of: &str| Adoption::Heir(Some(of.to_owned()));
        let of = || "b".to_owned();
        for adoption in [Adoption::None, Adoption::Heir(None), heir("c")] {
            let verdict = judge(Some("a"), Some("b"), true, &adoption);
            assert_eq!(verdict, Verdict::Foreign { of: of() }, "{adoption:?}");
        }
        for adoption in [Adoption::CountedOn, heir("b")] {
            assert_eq!(judge(Some("a"), Some("b"), true, &adoption), Verdict::Claim, "{adoption:?}");
        }
        assert_eq!(judge(Some("a"), Some("b"), true, &Adoption::Forming), Verdict::Borrow { of: of() });
        for adoption in [Adoption::None, Adoption::Forming, Adoption::CountedOn] {
            assert_eq!(judge(Some("a"), Some("b"), false, &adoption), Verdict::Claim, "there is nothing");
            assert_eq!(judge(Some("a"), Some("a"), true, &adoption), Verdict::Ours);
            assert_eq!(
                judge(Some("a"), None, true, &adoption),
                Verdict::Claim,
                "made before volumes had names"
            );
            assert_eq!(judge(None, Some("b"), true, &adoption), Verdict::Ours, "nobody said who we are");
        }
    }

    #[test]
    fn data_of_another_cluster_are_kept_under_its_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let (label, data) = (Label::new(directory.path()), directory.path().join("data"));
        assert_eq!(label.read().expect("it can be read"), None);
        for expected in ["data.of-b_", "data.of-b_.2"] {
            label.write("b/").expect("it can be written");
            fs::create_dir(&data).expect("a directory");
            let aside = label.put_aside(&data, "a").expect("it can be put aside");
            assert_eq!(aside, Some(directory.path().join(expected)));
            assert!(!data.exists());
            assert_eq!(label.read().expect("it can be read").as_deref(), Some("a"));
        }
        assert_eq!(label.put_aside(&data, "a").expect("nothing is to do"), None);
    }
}
