//! Volumes, who claims them, and where they are attached.

use serde::Deserialize;

use super::meta::Meta;
use super::template::Amounts;

/// A PersistentVolumeClaim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What is wanted.
    pub spec: ClaimSpec,
    /// What there is.
    pub status: PhaseOnly,
}

/// What a claim wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSpec {
    /// The volume it is bound to.
    pub volume_name: String,
    /// The class of the volume.
    pub storage_class_name: Option<String>,
    /// `ReadWriteOnce`, …
    pub access_modes: Vec<String>,
}

/// A status of which only the phase is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PhaseOnly {
    /// The phase.
    pub phase: String,
}

/// A PersistentVolume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PersistentVolume {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it is.
    pub spec: VolumeSpec,
    /// What became of it.
    pub status: PhaseOnly,
}

/// What a volume is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeSpec {
    /// How large.
    pub capacity: Amounts,
    /// `ReadWriteOnce`, …
    pub access_modes: Vec<String>,
    /// Who has it.
    pub claim_ref: Option<ClaimRef>,
    /// `Retain` or `Delete`.
    pub persistent_volume_reclaim_policy: String,
    /// The class.
    pub storage_class_name: String,
    /// Its driver, if it has one.
    pub csi: Option<Csi>,
    /// Nodes it can be used on.
    pub node_affinity: VolumeNodes,
}

/// The driver of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Csi {
    /// Its name.
    pub driver: String,
    /// What it calls the volume.
    pub volume_handle: String,
}

/// A reference to a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ClaimRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Nodes that a volume can be used on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct VolumeNodes {
    /// Without which it cannot be used.
    pub required: NodeTerms,
}

/// Terms about nodes, of which one must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeTerms {
    /// The terms.
    pub node_selector_terms: Vec<NodeTerm>,
}

/// A term about nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeTerm {
    /// What holds of their labels.
    pub match_expressions: Vec<super::labels::Expression>,
}

/// A VolumeAttachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What is to be attached where.
    pub spec: AttachmentSpec,
    /// What became of it.
    pub status: AttachmentStatus,
}

/// What is to be attached where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AttachmentSpec {
    /// The driver.
    pub attacher: String,
    /// The node.
    pub node_name: String,
    /// The volume.
    pub source: AttachmentSource,
}

/// The volume of an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AttachmentSource {
    /// The PersistentVolume.
    pub persistent_volume_name: Option<String>,
}

/// What became of an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AttachmentStatus {
    /// Whether it is attached.
    pub attached: bool,
    /// Why it cannot be.
    pub attach_error: Option<VolumeError>,
    /// Why it cannot be taken off.
    pub detach_error: Option<VolumeError>,
}

/// Why a driver could not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct VolumeError {
    /// What it said.
    pub message: String,
}
