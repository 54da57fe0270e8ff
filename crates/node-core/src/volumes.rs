//! The volumes of a Pod: what each is, what stands in it, and where it is mounted.
//!
//! Whatever is not supported is refused with a reason before anything is started. Paths that a Pod gives are relative
//! and never step back ([`SafePath`]); that no symbolic link leads out of a volume is for the shell to see
//! to, which opens them beneath the volume's root.

mod claim;
mod content;
mod host_path;
mod mount;
mod path;

pub use claim::{ClaimError, of_claim};
pub use content::{Content, ContentError, File, Ingredients, TokenRequest};
pub use host_path::{Entry, HostPathError, HostPathKind, HostPathStep};
pub use mount::{Mount, MountError, Propagation, RecursiveReadOnly, grouped_mode, mounts};
pub use path::{PathError, SafePath};

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EmptyDirVolumeSource, PodSpec, Volume as Source};
use stanchion_machinery::quantity::Quantity;
use thiserror::Error;

use crate::resources::{Amount, Resources};

/// What a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Volume {
    /// An empty directory that lives as long as the Pod.
    EmptyDir {
        /// Whether it stands in memory.
        in_memory: bool,
        /// How much it may hold, in bytes.
        size_limit: Option<i64>,
    },
    /// Something of the host.
    HostPath {
        /// Where it is.
        path: String,
        /// What it has to be.
        kind: HostPathKind,
        /// Whether nobody may write to it.
        read_only: bool,
    },
    /// Files that the node writes. Nobody else may.
    Files(Content),
    /// What a claim is bound to: plan it by [`of_claim`].
    Claim {
        /// The name of the claim.
        name: String,
        /// Whether nobody may write to it.
        read_only: bool,
    },
}

impl Volume {
    /// Returns whether containers may only read it.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::EmptyDir { .. } => false,
            Self::HostPath { read_only, .. } | Self::Claim { read_only, .. } => *read_only,
            Self::Files(_) => true,
        }
    }
}

/// A volume that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VolumeError {
    /// Its kind is not supported.
    #[error("volume {volume:?}: {kind} volumes are not supported")]
    Unsupported {
        /// The volume.
        volume: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A part of it is not supported.
    #[error("volume {volume:?}: {what}")]
    Wrong {
        /// The volume.
        volume: String,
        /// What is wrong.
        what: String,
    },
    /// A path of it leads out of it.
    #[error("volume {volume:?}")]
    Path {
        /// The volume.
        volume: String,
        /// What is wrong.
        #[source]
        source: PathError,
    },
}

/// Plans the volumes of a Pod, by name.
pub fn plan(spec: &PodSpec) -> Result<BTreeMap<String, Volume>, VolumeError> {
    let sources = spec.volumes.iter().flatten();
    sources.map(|source| Ok((source.name.clone(), parse(source, spec)?))).collect()
}

fn parse(source: &Source, spec: &PodSpec) -> Result<Volume, VolumeError> {
    if let Some(kind) = unsupported(source) {
        return Err(VolumeError::Unsupported { volume: source.name.clone(), kind });
    }
    let wrong = |what: String| VolumeError::Wrong { volume: source.name.clone(), what };
    if let Some(path) = &source.host_path {
        let kind = path.type_.as_deref().unwrap_or_default();
        let kind =
            HostPathKind::parse(kind).ok_or_else(|| wrong(format!("hostPath type {kind:?} is unknown")))?;
        return Ok(Volume::HostPath { path: path.path.clone(), kind, read_only: false });
    }
    if let Some(claim) = &source.persistent_volume_claim {
        let read_only = claim.read_only == Some(true);
        return Ok(Volume::Claim { name: claim.claim_name.clone(), read_only });
    }
    if let Some(content) = Content::parse(source, spec)? {
        return Ok(Volume::Files(content));
    }
    // A volume that names no kind is an empty directory.
    empty_dir(source.empty_dir.as_ref().unwrap_or(&EmptyDirVolumeSource::default())).map_err(wrong)
}

fn empty_dir(source: &EmptyDirVolumeSource) -> Result<Volume, String> {
    let in_memory = match source.medium.as_deref() {
        None | Some("") => false,
        Some("Memory") => true,
        Some(other) => return Err(format!("emptyDir medium {other:?} is not supported")),
    };
    let limit = source.size_limit.as_ref().map(|limit| Quantity::parse(&limit.0)).transpose();
    let limit = limit.map_err(|error| format!("sizeLimit: {error}"))?.map(Quantity::value);
    Ok(Volume::EmptyDir { in_memory, size_limit: limit.filter(|limit| *limit > 0) })
}

/// Returns the size of an empty directory in memory: its limit, but no more than the Pod's memory limit, nor than what
/// Pods may use of the machine. All in bytes.
pub fn memory_size(spec: &PodSpec, size_limit: Option<i64>, allocatable: i64) -> i64 {
    let pod = Resources::of_pod(spec).limit(Amount::Memory).filter(|limit| *limit > 0);
    [size_limit, pod].into_iter().flatten().fold(allocatable, i64::min)
}

/// Returns the kind of a volume if it is none of ours.
fn unsupported(source: &Source) -> Option<&'static str> {
    let kinds = [
        (source.aws_elastic_block_store.is_some(), "awsElasticBlockStore"),
        (source.azure_disk.is_some(), "azureDisk"),
        (source.azure_file.is_some(), "azureFile"),
        (source.cephfs.is_some(), "cephfs"),
        (source.cinder.is_some(), "cinder"),
        (source.csi.is_some(), "csi"),
        (source.ephemeral.is_some(), "ephemeral"),
        (source.fc.is_some(), "fc"),
        (source.flex_volume.is_some(), "flexVolume"),
        (source.flocker.is_some(), "flocker"),
        (source.gce_persistent_disk.is_some(), "gcePersistentDisk"),
        (source.git_repo.is_some(), "gitRepo"),
        (source.glusterfs.is_some(), "glusterfs"),
        (source.image.is_some(), "image"),
        (source.iscsi.is_some(), "iscsi"),
        (source.nfs.is_some(), "nfs"),
        (source.photon_persistent_disk.is_some(), "photonPersistentDisk"),
        (source.portworx_volume.is_some(), "portworxVolume"),
        (source.quobyte.is_some(), "quobyte"),
        (source.rbd.is_some(), "rbd"),
        (source.scale_io.is_some(), "scaleIO"),
        (source.storageos.is_some(), "storageos"),
        (source.vsphere_volume.is_some(), "vsphereVolume"),
    ];
    kinds.into_iter().find_map(|(is_there, kind)| is_there.then_some(kind))
}

#[cfg(test)]
mod tests;
