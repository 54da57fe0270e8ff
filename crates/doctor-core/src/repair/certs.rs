//! What is done about certificates that end: they are made anew by the authority that made them, for the same names and uses.
//!
//! Only those that kubeadm makes, by their places: of others it is not known who reads them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::{Preview, Refusal};
use crate::subject::Subject;
use crate::units::Seconds;

/// A certificate that ends, and what is at hand to make it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Where it is.
    pub place: Place,
    /// For whom it was made.
    pub subject: String,
    /// Whether it is an authority's.
    pub is_authority: bool,
    /// From when on it is valid, in seconds since the Unix epoch.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// Its key.
    pub key: LeafKey,
    /// Who made it.
    pub signer: Signer,
}

/// Where a certificate is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "in", rename_all_fields = "camelCase")]
pub enum Place {
    /// A file, with the key in one of the same name.
    File {
        /// The certificate's.
        path: PathBuf,
    },
    /// A kubeconfig.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The user in it.
        user: String,
    },
}

/// The private key of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LeafKey {
    /// Of a kind that is made anew.
    Renewed,
    /// Of a kind that is not made here (RSA): it is kept.
    Kept,
    /// It is not at hand, or none that can be read.
    Missing,
}

/// Who made a certificate, as far as that is known from signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// An authority whose key is at hand.
    AtHand {
        /// Its certificate.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
        /// From when on it is valid.
        not_before: i64,
        /// Until when.
        not_after: i64,
    },
    /// An authority whose key is not.
    External {
        /// Its certificate.
        certificate: PathBuf,
    },
    /// None of those at hand.
    Unknown,
}

/// Who has to read a new certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// The API server.
    KubeApiserver,
    /// The controllers.
    KubeControllerManager,
    /// The scheduler.
    KubeScheduler,
    /// etcd.
    Etcd,
    /// Probes, which read it each time.
    Probes,
    /// People, who have copies of it.
    People,
}

/// A certificate that is made anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Renewal {
    /// Which.
    pub place: Place,
    /// The certificate of the authority that makes it.
    pub authority: PathBuf,
    /// The key of that.
    pub authority_key: PathBuf,
    /// Until when it is valid, in seconds since the Unix epoch.
    pub not_after: i64,
    /// What becomes of its key.
    pub key: LeafKey,
    /// Who has to read it.
    pub reader: Reader,
    /// What it does, for people.
    #[serde(skip)]
    pub preview: Preview,
}

impl Place {
    /// Returns the place that a finding is about; of what is elsewhere, why nothing is made anew.
    pub fn of(subject: &Subject) -> Result<Self, Refusal> {
        match (subject.kind.as_str(), subject.name.rsplit_once(", user ")) {
            ("file", _) => Ok(Self::File { path: subject.name.clone().into() }),
            ("kubeconfig", Some((path, user))) => {
                Ok(Self::Kubeconfig { path: path.into(), user: user.to_owned() })
            }
            ("kubeconfig", None) => Err(Refusal::new("it is an authority that a kubeconfig trusts")),
            ("server", _) => Err(Refusal::new(
                "it is what a server shows: the file that it reads is made anew, with --cert-dir",
            )),
            _ => Err(Refusal::new("it is no file: who put it there makes it anew")),
        }
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        match self {
            Self::File { path } | Self::Kubeconfig { path, .. } => path,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "{}", path.display()),
            Self::Kubeconfig { path, user } => write!(f, "{}, user {user}", path.display()),
        }
    }
}

impl Reader {
    /// Returns the static Pod that has to be restarted, if one has.
    pub fn pod(self) -> Option<&'static str> {
        match self {
            Self::KubeApiserver => Some("kube-apiserver"),
            Self::KubeControllerManager => Some("kube-controller-manager"),
            Self::KubeScheduler => Some("kube-scheduler"),
            Self::Etcd => Some("etcd"),
            Self::Probes | Self::People => None,
        }
    }

    fn pause(self) -> &'static str {
        match self {
            Self::KubeApiserver => "kube-apiserver on this machine, once it is restarted, about a minute",
            Self::KubeControllerManager => "kube-controller-manager on this machine, once it is restarted",
            Self::KubeScheduler => "kube-scheduler on this machine, once it is restarted",
            Self::Etcd => "this member of etcd, once it is restarted",
            Self::Probes => "nobody: who uses it reads it each time",
            Self::People => "nobody; copies of it, as ~/.kube/config, are to be made anew",
        }
    }
}

/// Plans to make a certificate anew, with the lifetime that it had; at most as long as its authority is valid.
pub fn plan(now: i64, ending: &Ending) -> Result<Renewal, Refusal> {
    let Ending { place, subject, is_authority, not_before, not_after, key, signer } = ending;
    let refuse = |why: String| Err(Refusal::new(format!("{place}: {why}")));
    if *is_authority {
        return refuse("it is an authority, and a new one has to be trusted everywhere first".to_owned());
    }
    if *not_before > now {
        return refuse("it is not valid yet: compare the clocks of the machines".to_owned());
    }
    let reader = reader(place).map_err(|why| Refusal::new(format!("{place}: {why}")))?;
    if *key == LeafKey::Missing {
        return refuse("its key cannot be read".to_owned());
    }
    let (authority, authority_key, until) = match signer {
        Signer::AtHand { certificate, not_before, not_after, .. }
            if *not_after <= now || *not_before > now =>
        {
            return refuse(format!("the authority in {} is not valid now itself", certificate.display()));
        }
        Signer::AtHand { certificate, key, not_after, .. } => (certificate, key, *not_after),
        Signer::External { certificate } => {
            let path = certificate.display();
            return refuse(format!(
                "the key of its authority ({path}) is not here: have the new one made where that is"
            ));
        }
        Signer::Unknown => return refuse("no authority at hand made it".to_owned()),
    };
    let lifetime = not_after.saturating_sub(*not_before);
    if lifetime <= 0 {
        return refuse("it was never valid, so that it is not known for how long it should be".to_owned());
    }
    let not_after_now = now.saturating_add(lifetime).min(until);
    let lifetime = Seconds(Duration::from_secs(not_after_now.abs_diff(now)));
    let with = match key {
        LeafKey::Renewed => "with a new key",
        LeafKey::Kept | LeafKey::Missing => "with the key that it has: RSA keys are not made here",
    };
    let what = format!(
        "make {place} ({subject}) anew {with}, by the authority in {}; it is valid for {lifetime}",
        authority.display()
    );
    let undo = "the old files are kept beside the new ones".to_owned();
    Ok(Renewal {
        place: place.clone(),
        authority: authority.clone(),
        authority_key: authority_key.clone(),
        not_after: not_after_now,
        key: *key,
        reader,
        preview: Preview { what, pause: Some(reader.pause().to_owned()), undo: Some(undo) },
    })
}

/// Returns who reads what kubeadm makes; or why nothing is made anew.
fn reader(place: &Place) -> Result<Reader, &'static str> {
    let path = place.path();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    match (place, folder, name) {
        (_, _, name) if name.starts_with("kubelet") => Err(
            "the kubelet makes its certificates anew by itself: see why it does not (`journalctl -u kubelet`)",
        ),
        (Place::Kubeconfig { .. }, _, "admin.conf" | "super-admin.conf") => Ok(Reader::People),
        (Place::Kubeconfig { .. }, _, "controller-manager.conf") => Ok(Reader::KubeControllerManager),
        (Place::Kubeconfig { .. }, _, "scheduler.conf") => Ok(Reader::KubeScheduler),
        (Place::File { .. }, "etcd", "server.crt" | "peer.crt") => Ok(Reader::Etcd),
        (Place::File { .. }, "etcd", "healthcheck-client.crt") => Ok(Reader::Probes),
        (
            Place::File { .. },
            _,
            "apiserver.crt"
            | "apiserver-kubelet-client.crt"
            | "apiserver-etcd-client.crt"
            | "front-proxy-client.crt",
        ) => Ok(Reader::KubeApiserver),
        _ => Err("it is none of those that kubeadm makes: it is not known who reads it"),
    }
}

#[cfg(test)]
mod tests;
