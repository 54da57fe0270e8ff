//! Which volume a claim is given, and when its directory goes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    LocalVolumeSource, Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, ObjectReference,
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeSpec,
    VolumeNodeAffinity,
};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{PROVISIONER, SIMULATED};
use crate::binding::{PROVISIONED_BY, SELECTED_NODE, annotation};

const HOSTNAME: &str = "kubernetes.io/hostname";
const DEFAULT_CLASS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
const CLASS: &str = "local-path";
const WAITS: &str = "WaitForFirstConsumer";

/// Where the directory of a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On this machine.
    Here(PathBuf),
    /// Nowhere: the node is simulated.
    Nowhere,
}

/// What is to be done for a claim.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Provision {
    Nothing,
    /// No such volume can be made; why.
    Refuse(String),
    /// The node that was chosen is not there.
    Reschedule(Box<PersistentVolumeClaim>),
    Make(Box<PersistentVolume>, Place),
}

/// What is to be done about a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    Nothing,
    /// The directory cannot be removed; why.
    Refuse(String),
    /// The directory is to be removed, and then the object.
    Directory(PathBuf),
    /// The object is to go; there is no directory, or it is to stay.
    Object,
}

/// Returns the class to be made, if there is neither a default nor one of this name.
pub(super) fn class(classes: &[Arc<StorageClass>]) -> Option<StorageClass> {
    let is_default = |class: &StorageClass| {
        DEFAULT_CLASS.iter().any(|key| annotation(&class.metadata, key) == Some("true"))
    };
    if classes.iter().any(|class| is_default(class) || class.metadata.name.as_deref() == Some(CLASS)) {
        return None;
    }
    Some(StorageClass {
        metadata: ObjectMeta {
            name: Some(CLASS.to_owned()),
            annotations: Some([(DEFAULT_CLASS[0].to_owned(), "true".to_owned())].into()),
            ..ObjectMeta::default()
        },
        provisioner: PROVISIONER.to_owned(),
        reclaim_policy: Some("Delete".to_owned()),
        volume_binding_mode: Some(WAITS.to_owned()),
        ..StorageClass::default()
    })
}

/// Returns the node that was chosen for a claim.
pub(super) fn selected_node(claim: &PersistentVolumeClaim) -> Option<&str> {
    annotation(&claim.metadata, SELECTED_NODE).filter(|name| !name.is_empty())
}

/// Returns a claim for which a node is to be chosen anew.
pub(super) fn unselected(claim: &PersistentVolumeClaim) -> PersistentVolumeClaim {
    let mut claim = claim.clone();
    if let Some(annotations) = &mut claim.metadata.annotations {
        annotations.remove(SELECTED_NODE);
    }
    claim
}

/// Returns what is to be done for a claim. `own` is the name of the node that this machine is; if none, every node that is
/// not simulated is this machine.
pub(super) fn provide(
    claim: &PersistentVolumeClaim,
    class: &StorageClass,
    node_of: impl Fn(&str) -> Option<Arc<Node>>,
    base: &Path,
    own: Option<&str>,
) -> Provision {
    let Some(spec) = &claim.spec else { return Provision::Nothing };
    let settled = spec.volume_name.as_deref().is_some_and(|name| !name.is_empty());
    if class.provisioner != PROVISIONER || settled || claim.metadata.deletion_timestamp.is_some() {
        return Provision::Nothing;
    }
    if let Some(why) = refusal(spec, class) {
        return Provision::Refuse(why);
    }
    let Some(name) = selected_node(claim) else { return Provision::Nothing };
    let Some(node) = node_of(name) else { return Provision::Reschedule(Box::new(claim.clone())) };
    let volume = volume(claim, spec, class, &node, base);
    let here = own.is_none_or(|own| own == name);
    if is_simulated(&node) {
        Provision::Make(Box::new(volume), Place::Nowhere)
    } else if here {
        let directory = base.join(directory_name(&volume));
        Provision::Make(Box::new(volume), Place::Here(directory))
    } else {
        Provision::Refuse(format!("node {name:?} is another machine"))
    }
}

fn refusal(spec: &PersistentVolumeClaimSpec, class: &StorageClass) -> Option<String> {
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    let shared = modes.iter().find(|mode| !matches!(mode.as_str(), "ReadWriteOnce" | "ReadWriteOncePod"));
    if class.volume_binding_mode.as_deref() != Some(WAITS) {
        Some(format!("the class must have volumeBindingMode {WAITS}: a directory belongs to one node"))
    } else if let Some(parameter) = class.parameters.iter().flatten().next() {
        Some(format!("the class has a parameter that is not known: {:?}", parameter.0))
    } else if class.mount_options.as_ref().is_some_and(|options| !options.is_empty()) {
        Some("the class has mount options; a directory is not mounted".to_owned())
    } else if spec.volume_mode.as_deref() == Some("Block") {
        Some("a directory is no block device".to_owned())
    } else if let Some(mode) = shared {
        Some(format!("access mode {mode} is not possible on a directory of one node"))
    } else if spec.selector.is_some() {
        Some("claim.Spec.Selector is not supported".to_owned())
    } else if spec.data_source.is_some() || spec.data_source_ref.is_some() {
        Some("a directory begins empty; a data source is not supported".to_owned())
    } else if spec.volume_attributes_class_name.as_deref().is_some_and(|name| !name.is_empty()) {
        Some("a directory has no attributes".to_owned())
    } else {
        None
    }
}

fn is_simulated(node: &Node) -> bool {
    annotation(&node.metadata, SIMULATED) == Some("true")
}

fn volume(
    claim: &PersistentVolumeClaim,
    spec: &PersistentVolumeClaimSpec,
    class: &StorageClass,
    node: &Node,
    base: &Path,
) -> PersistentVolume {
    let name = format!("pvc-{}", claim.metadata.uid.as_deref().unwrap_or(""));
    let own = node.metadata.name.clone().unwrap_or_default();
    let host = node.metadata.labels.as_ref().and_then(|labels| labels.get(HOSTNAME)).cloned().unwrap_or(own);
    let on_node = NodeSelectorRequirement {
        key: HOSTNAME.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![host]),
    };
    let term = NodeSelectorTerm { match_expressions: Some(vec![on_node]), match_fields: None };
    let affinity = VolumeNodeAffinity { required: Some(NodeSelector { node_selector_terms: vec![term] }) };
    let claim_ref = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("PersistentVolumeClaim".to_owned()),
        namespace: claim.metadata.namespace.clone(),
        name: claim.metadata.name.clone(),
        uid: claim.metadata.uid.clone(),
        resource_version: claim.metadata.resource_version.clone(),
        field_path: None,
    };
    let annotations = [
        (PROVISIONED_BY.to_owned(), PROVISIONER.to_owned()),
        (SELECTED_NODE.to_owned(), node.metadata.name.clone().unwrap_or_default()),
    ];
    let mut volume = PersistentVolume {
        metadata: ObjectMeta {
            name: Some(name),
            annotations: Some(annotations.into()),
            finalizers: Some(vec![PROVISIONER.to_owned()]),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeSpec {
            access_modes: spec.access_modes.clone(),
            capacity: spec.resources.as_ref().and_then(|resources| resources.requests.clone()),
            claim_ref: Some(claim_ref),
            node_affinity: Some(affinity),
            persistent_volume_reclaim_policy: class
                .reclaim_policy
                .clone()
                .or_else(|| Some("Delete".to_owned())),
            storage_class_name: class.metadata.name.clone(),
            volume_mode: Some("Filesystem".to_owned()),
            ..PersistentVolumeSpec::default()
        }),
        status: None,
    };
    let path = base.join(directory_name(&volume)).to_string_lossy().into_owned();
    volume.spec.get_or_insert_default().local = Some(LocalVolumeSource { path, fs_type: None });
    volume
}

/// Returns the name of a volume's directory. None of the names that it is made of can hold a slash.
fn directory_name(volume: &PersistentVolume) -> String {
    let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.clone()).unwrap_or_default();
    let [namespace, claim, volume] =
        [claim.namespace, claim.name, volume.metadata.name.clone()].map(Option::unwrap_or_default);
    format!("{namespace}_{claim}_{volume}")
}

/// Returns the node on which a volume was made.
pub(super) fn node_of(volume: &PersistentVolume) -> Option<&str> {
    annotation(&volume.metadata, SELECTED_NODE)
}

/// Returns what is to be done about a volume. `node` is the one that it was made on, if it is there.
pub(super) fn remove(
    volume: &PersistentVolume,
    node: Option<&Node>,
    base: &Path,
    own: Option<&str>,
) -> Removal {
    let ours = annotation(&volume.metadata, PROVISIONED_BY) == Some(PROVISIONER);
    let held = volume.metadata.finalizers.as_ref().is_some_and(|all| all.iter().any(|it| it == PROVISIONER));
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("");
    let spec = volume.spec.as_ref();
    let deletes = spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()) == Some("Delete");
    let ends = volume.metadata.deletion_timestamp.is_some();
    let free = matches!(phase, "Released" | "Failed");
    if !ours || !held || phase == "Bound" || !(ends || free && deletes) {
        return Removal::Nothing;
    }
    if !deletes || node.is_some_and(is_simulated) {
        return Removal::Object;
    }
    let directory = base.join(directory_name(volume));
    let path = spec.and_then(|spec| spec.local.as_ref()).map_or("", |local| local.path.as_str());
    if Path::new(path) != directory {
        Removal::Refuse(format!("{path:?} is not where its volume belongs, {:?}", directory.display()))
    } else if own.is_some_and(|own| node_of(volume) != Some(own)) {
        Removal::Refuse(format!("node {:?} is another machine", node_of(volume).unwrap_or("")))
    } else {
        Removal::Directory(directory)
    }
}

/// Returns a volume that nothing holds any more as far as its directory is concerned.
pub(super) fn finished(volume: &PersistentVolume) -> PersistentVolume {
    let mut volume = volume.clone();
    if let Some(finalizers) = &mut volume.metadata.finalizers {
        finalizers.retain(|it| it != PROVISIONER);
    }
    volume
}

#[cfg(test)]
mod tests;
