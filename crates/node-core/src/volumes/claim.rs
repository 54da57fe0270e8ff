//! What a claim is bound to.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use thiserror::Error;

use super::{HostPathKind, Volume};

/// A claim that cannot be mounted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// It is being deleted.
    #[error("persistentvolumeclaim {0:?} is being deleted")]
    Deleting(String),
    /// It is not bound yet.
    #[error("persistentvolumeclaim {0:?} is not bound")]
    NotBound(String),
    /// Its volume is missing.
    #[error("persistentvolume {0:?} not found")]
    Missing(String),
    /// Its volume belongs to another claim.
    #[error("persistentvolume {volume:?} is bound to another claim than {claim:?}")]
    Stolen {
        /// The volume.
        volume: String,
        /// The claim.
        claim: String,
    },
    /// Its volume is of a kind that is not supported.
    #[error("persistentvolume {volume:?}: {what}")]
    Unsupported {
        /// The volume.
        volume: String,
        /// What is not supported.
        what: &'static str,
    },
}

/// Plans the volume of a claim: a local or hostPath volume that is bound to it.
pub fn of_claim(
    claim: &PersistentVolumeClaim,
    volume: Option<&PersistentVolume>,
    read_only: bool,
) -> Result<Volume, ClaimError> {
    let name = claim.metadata.name.clone().unwrap_or_default();
    if claim.metadata.deletion_timestamp.is_some() {
        return Err(ClaimError::Deleting(name));
    }
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    let bound = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).filter(|name| !name.is_empty());
    let (Some("Bound"), Some(bound)) = (phase, bound) else { return Err(ClaimError::NotBound(name)) };
    let volume = volume.filter(|volume| volume.metadata.name.as_ref() == Some(&bound));
    let Some(spec) = volume.and_then(|volume| volume.spec.as_ref()) else {
        return Err(ClaimError::Missing(bound));
    };
    let holder = spec.claim_ref.as_ref().and_then(|holder| holder.uid.as_ref());
    if holder.is_none() || holder != claim.metadata.uid.as_ref() {
        return Err(ClaimError::Stolen { volume: bound, claim: name });
    }
    let unsupported = |what| ClaimError::Unsupported { volume: bound.clone(), what };
    if spec.volume_mode.as_deref() == Some("Block") {
        return Err(unsupported("block volumes are not supported"));
    }
    if let Some(local) = &spec.local {
        let path = local.path.clone();
        return Ok(Volume::HostPath { path, kind: HostPathKind::Directory, read_only });
    }
    let Some(source) = &spec.host_path else {
        return Err(unsupported("only local and hostPath volumes are supported"));
    };
    let kind = HostPathKind::parse(source.type_.as_deref().unwrap_or_default());
    let kind = kind.ok_or_else(|| unsupported("its hostPath type is unknown"))?;
    Ok(Volume::HostPath { path: source.path.clone(), kind, read_only })
}
