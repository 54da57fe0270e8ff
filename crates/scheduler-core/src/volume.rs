//! Claims, volumes and storage classes, and whether a Pod's claims can be met on a node.
//!
//! A claim that is bound ties the Pod to where its volume is. One whose class waits for the first consumer is met by
//! the smallest volume that fits and can be reached, or by provisioning; which, is part of the decision.

use std::collections::HashMap;
use std::sync::Arc;

use crate::labels::{LabelSet, Selector};
use crate::node::{Node, NodeTerm};
use crate::pod::Pod;
use crate::refusal::{Obstacle, Refusal};

/// The provisioner of classes whose volumes are made by hand.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// A namespace and a name.
pub type ClaimKey = (Arc<str>, Arc<str>);

/// A way to use a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "these are the names in the API")]
pub enum AccessMode {
    /// Written from one node.
    ReadWriteOnce,
    /// Read from many nodes.
    ReadOnlyMany,
    /// Written from many nodes.
    ReadWriteMany,
    /// Written by one Pod.
    ReadWriteOncePod,
}

/// Ways to use a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessModes(u8);

impl AccessModes {
    /// Returns whether one of them is among these.
    pub fn contain(self, mode: AccessMode) -> bool {
        self.cover(Self::from_iter([mode]))
    }

    fn cover(self, asked: Self) -> bool {
        asked.0 & !self.0 == 0
    }
}

impl FromIterator<AccessMode> for AccessModes {
    fn from_iter<I: IntoIterator<Item = AccessMode>>(modes: I) -> Self {
        Self(modes.into_iter().fold(0, |bits, mode| bits | 1 << mode as u8))
    }
}

/// How far a claim is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// It has this volume.
    Bound(Arc<str>),
    /// It had this volume.
    Lost(Arc<str>),
    /// It names a volume that is not its own yet.
    Promised,
    /// It has none; perhaps one is made for this node.
    Pending {
        /// The node.
        selected_node: Option<Arc<str>>,
    },
}

/// A claim to a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// How far it is.
    pub state: ClaimState,
    /// The name of its class, or empty.
    pub class: Arc<str>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The bytes it asks for.
    pub request: i64,
    /// How it is to be used.
    pub modes: AccessModes,
    /// Whether it asks for a bare device.
    pub block: bool,
    /// Which volumes will do.
    pub selector: Option<Selector>,
}

impl Claim {
    fn key(&self) -> ClaimKey {
        (Arc::clone(&self.namespace), Arc::clone(&self.name))
    }
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: Arc<str>,
    /// The name of its class, or empty.
    pub class: Arc<str>,
    /// Its bytes.
    pub capacity: i64,
    /// How it can be used.
    pub modes: AccessModes,
    /// Whether it is a bare device.
    pub block: bool,
    /// Its labels.
    pub labels: LabelSet,
    /// From where it can be reached; none if from everywhere.
    pub nodes: Option<Vec<NodeTerm>>,
    /// Whose it is.
    pub claim: Option<ClaimKey>,
    /// Whether it can be given to a claim (phase `Available` or none yet, not being deleted).
    pub available: bool,
}

impl Volume {
    fn is_reached_from(&self, node: &Node) -> bool {
        self.nodes.as_ref().is_none_or(|terms| terms.iter().any(|term| term.matches(node)))
    }

    fn suits(&self, claim: &Claim) -> bool {
        let own = self.claim.as_ref().is_some_and(|key| *key == claim.key());
        (own || (self.claim.is_none() && self.available))
            && self.class == claim.class
            && self.block == claim.block
            && self.capacity >= claim.request
            && self.modes.cover(claim.modes)
            && (own || claim.selector.as_ref().is_none_or(|selector| selector.matches(&self.labels)))
    }
}

/// A storage class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageClass {
    /// Its name.
    pub name: Arc<str>,
    /// Who makes its volumes.
    pub provisioner: Arc<str>,
    /// Whether claims wait for the first Pod that uses them.
    pub waits: bool,
    /// Where its volumes can be made; empty if everywhere.
    pub topologies: Vec<Selector>,
}

impl StorageClass {
    fn provisions_on(&self, node: &Node) -> bool {
        self.provisioner.as_ref() != NO_PROVISIONER
            && (self.topologies.is_empty() || self.topologies.iter().any(|terms| terms.matches(&node.labels)))
    }
}

/// What is to be done about a Pod's claims once its node is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumePlan {
    /// Claims that get a volume.
    pub bind: Vec<(ClaimKey, Arc<str>)>,
    /// Claims whose volume is to be made for the node.
    pub provision: Vec<ClaimKey>,
}

impl VolumePlan {
    /// Returns whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.bind.is_empty() && self.provision.is_empty()
    }
}

/// The claims of a Pod, looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct PodClaims {
    /// Bound ones, by the names of their volumes.
    bound: Vec<Arc<str>>,
    /// Waiting ones, the smallest first.
    waiting: Vec<Claim>,
    /// Those that one Pod at a time may use.
    pub(crate) exclusive: Vec<ClaimKey>,
}

impl PodClaims {
    /// Returns whether nodes have to be looked at for them.
    pub(crate) fn are_indifferent(&self) -> bool {
        self.bound.is_empty() && self.waiting.is_empty()
    }
}

/// Everything known of volumes, with what was decided but is not yet to be seen.
#[derive(Clone, Debug, Default)]
pub struct Volumes {
    claims: HashMap<ClaimKey, Claim>,
    by_name: HashMap<Arc<str>, Volume>,
    /// By class, since every search is for one.
    by_class: HashMap<Arc<str>, Vec<Arc<str>>>,
    classes: HashMap<Arc<str>, StorageClass>,
    reserved: HashMap<Arc<str>, ClaimKey>,
    selected: HashMap<ClaimKey, Arc<str>>,
}

impl Volumes {
    /// Takes over a claim that is new or has changed.
    pub fn set_claim(&mut self, claim: Claim) {
        let key = claim.key();
        if !matches!(claim.state, ClaimState::Pending { .. }) {
            self.selected.remove(&key);
        }
        self.claims.insert(key, claim);
    }

    /// Forgets a claim.
    pub fn remove_claim(&mut self, key: &ClaimKey) {
        self.claims.remove(key);
    }

    /// Takes over a volume that is new or has changed.
    pub fn set_volume(&mut self, volume: Volume) {
        self.remove_volume(&volume.name);
        if volume.claim.is_some() {
            self.reserved.remove(&volume.name);
        }
        self.by_class.entry(Arc::clone(&volume.class)).or_default().push(Arc::clone(&volume.name));
        self.by_name.insert(Arc::clone(&volume.name), volume);
    }

    /// Forgets a volume.
    pub fn remove_volume(&mut self, name: &str) {
        if let Some(volume) = self.by_name.remove(name)
            && let Some(names) = self.by_class.get_mut(&volume.class)
        {
            names.retain(|have| have.as_ref() != name);
        }
    }

    /// Takes over a class that is new or has changed.
    pub fn set_class(&mut self, class: StorageClass) {
        self.classes.insert(Arc::clone(&class.name), class);
    }

    /// Forgets a class.
    pub fn remove_class(&mut self, name: &str) {
        self.classes.remove(name);
    }

    /// Keeps what a plan takes from being taken again.
    pub(crate) fn reserve(&mut self, plan: &VolumePlan, node: &Arc<str>) {
        for (claim, volume) in &plan.bind {
            self.reserved.insert(Arc::clone(volume), claim.clone());
            self.selected.insert(claim.clone(), Arc::clone(node));
        }
        for claim in &plan.provision {
            self.selected.insert(claim.clone(), Arc::clone(node));
        }
    }

    /// Gives back what a plan took.
    pub(crate) fn release(&mut self, plan: &VolumePlan) {
        for (claim, volume) in &plan.bind {
            self.reserved.remove(volume);
            self.selected.remove(claim);
        }
        for claim in &plan.provision {
            self.selected.remove(claim);
        }
    }

    /// Looks a Pod's claims up.
    pub(crate) fn of(&self, pod: &Pod) -> Result<PodClaims, Obstacle> {
        let mut found = PodClaims::default();
        for name in &pod.claims {
            let key = (Arc::clone(&pod.kin.namespace), Arc::clone(name));
            let claim = self.claims.get(&key).ok_or_else(|| Obstacle::NoClaim(Arc::clone(name)))?;
            if claim.deleting {
                return Err(Obstacle::ClaimDeleted(Arc::clone(name)));
            }
            if claim.modes.contain(AccessMode::ReadWriteOncePod) {
                found.exclusive.push(key);
            }
            match &claim.state {
                ClaimState::Bound(volume) => found.bound.push(Arc::clone(volume)),
                ClaimState::Lost(volume) => {
                    let (claim, volume) = (Arc::clone(name), Arc::clone(volume));
                    return Err(Obstacle::ClaimLost { claim, volume });
                }
                ClaimState::Promised => return Err(Obstacle::Unbound),
                ClaimState::Pending { .. } if claim.class.is_empty() => return Err(Obstacle::Unbound),
                ClaimState::Pending { .. } => {
                    let class = self.classes.get(&claim.class);
                    let class = class.ok_or_else(|| Obstacle::NoClass(Arc::clone(&claim.class)))?;
                    if !class.waits {
                        return Err(Obstacle::Unbound);
                    }
                    found.waiting.push(claim.clone());
                }
            }
        }
        found.waiting.sort_by(|a, b| (a.request, &a.name).cmp(&(b.request, &b.name)));
        Ok(found)
    }

    /// Returns how a Pod's claims are met on a node.
    pub(crate) fn plan(&self, claims: &PodClaims, node: &Node) -> Result<VolumePlan, Refusal> {
        for name in &claims.bound {
            let volume = self.by_name.get(name).ok_or(Refusal::VolumeGone)?;
            if !volume.is_reached_from(node) {
                return Err(Refusal::VolumeElsewhere);
            }
        }
        let mut plan = VolumePlan::default();
        for claim in &claims.waiting {
            self.meet(claim, node, &mut plan)?;
        }
        Ok(plan)
    }

    fn meet(&self, claim: &Claim, node: &Node, plan: &mut VolumePlan) -> Result<(), Refusal> {
        let key = claim.key();
        let announced = match &claim.state {
            ClaimState::Pending { selected_node } => selected_node.as_ref(),
            ClaimState::Bound(_) | ClaimState::Lost(_) | ClaimState::Promised => None,
        };
        if let Some(selected) = self.selected.get(&key).or(announced)
            && *selected != node.name
        {
            return Err(Refusal::NoVolume);
        }
        if announced.is_none()
            && let Some(volume) = self.smallest(claim, &key, node, plan)
        {
            plan.bind.push((key, volume));
            return Ok(());
        }
        let class = self.classes.get(&claim.class);
        if class.is_some_and(|class| class.provisions_on(node)) {
            plan.provision.push(key);
            return Ok(());
        }
        Err(Refusal::NoVolume)
    }

    fn smallest(&self, claim: &Claim, key: &ClaimKey, node: &Node, plan: &VolumePlan) -> Option<Arc<str>> {
        let names = self.by_class.get(&claim.class)?;
        let free = |volume: &&Volume| {
            volume.suits(claim)
                && volume.is_reached_from(node)
                && self.reserved.get(&volume.name).is_none_or(|owner| owner == key)
                && plan.bind.iter().all(|(_, taken)| *taken != volume.name)
        };
        let volumes = names.iter().filter_map(|name| self.by_name.get(name)).filter(free);
        // What already names the claim goes before what is merely large enough.
        let best = volumes.min_by_key(|volume| (volume.claim.is_none(), volume.capacity, &volume.name))?;
        Some(Arc::clone(&best.name))
    }
}

#[cfg(test)]
mod tests;
