//! Who belongs to whom.
//!
//! Of every object there is it keeps the identity, in some tens of bytes; names and references are kept only of what has
//! owners, and of what is to end in the foreground or to leave orphans. Changes go in, keys of what is to be looked at
//! come out; nothing here talks to the API.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::discovery::Kind;

/// Holds an object until what belongs to it is gone.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Holds an object until what belongs to it has been let go.
pub(super) const ORPHAN: &str = "orphan";

/// How many owners that went are remembered: some seconds' worth, for those whose kind goes with them.
const GRAVES: usize = 1024;

/// The identity of an object: its uid, or a number made from it if it is none as the API makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Uid(u128);

impl Uid {
    pub(super) fn of(text: &str) -> Self {
        let digits: String = text.chars().filter(|letter| *letter != '-').collect();
        let number = (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok()).flatten();
        Self(number.unwrap_or_else(|| {
            text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
                (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
            })
        }))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What an object that is being deleted waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is not being deleted.
    Not,
    /// Something that others do.
    Otherwise,
    /// That what belongs to it and blocks it is gone.
    Foreground,
    /// That what belongs to it has been let go.
    Orphan,
}

/// An object that has owners, or waits for what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Arc<Kind>,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) owners: Vec<OwnerReference>,
    pub(super) ending: Ending,
}

impl Node {
    fn of(kind: &Arc<Kind>, meta: &ObjectMeta) -> Self {
        Self {
            kind: Arc::clone(kind),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            owners: meta.owner_references.clone().unwrap_or_default(),
            ending: ending(meta),
        }
    }

    fn owner_uids(&self) -> BTreeSet<Uid> {
        self.owners.iter().map(|owner| Uid::of(&owner.uid)).collect()
    }

    /// Returns whether the end of an owner waits for this object.
    pub(super) fn blocks(&self, owner: Uid) -> bool {
        self.owners.iter().any(|it| Uid::of(&it.uid) == owner && it.block_owner_deletion == Some(true))
    }
}

/// Returns what an object that is being deleted waits for.
pub(super) fn ending(meta: &ObjectMeta) -> Ending {
    let has = |name: &str| meta.finalizers.as_ref().is_some_and(|all| all.iter().any(|it| it == name));
    match meta.deletion_timestamp {
        None => Ending::Not,
        Some(_) if has(FOREGROUND) => Ending::Foreground,
        Some(_) if has(ORPHAN) => Ending::Orphan,
        Some(_) => Ending::Otherwise,
    }
}

/// What is kept of every object.
#[derive(Clone, Copy, Debug)]
struct Known {
    kind: u16,
    /// A number made from the namespace; zero outside of namespaces.
    namespace: u32,
}

/// What the graph says of an owner, seen from one that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// It is there.
    Solid,
    /// It is there, and waits for what belongs to it to go.
    Waiting,
    /// It has not been seen; the API is to be asked.
    Unseen,
    /// It is in another namespace, where it can own nothing of this one.
    Elsewhere,
}

/// The graph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Kinds by number; the place of one that is no longer served is kept.
    kinds: Vec<(String, String)>,
    known: HashMap<Uid, Known>,
    nodes: HashMap<Uid, Node>,
    dependents: HashMap<Uid, BTreeSet<Uid>>,
    /// Owners that went lately.
    buried: VecDeque<Uid>,
}

impl Graph {
    fn number(&mut self, kind: &Kind) -> u16 {
        let title = (kind.resource.group.clone(), kind.resource.kind.clone());
        let place = self.kinds.iter().position(|known| *known == title).unwrap_or_else(|| {
            self.kinds.push(title);
            self.kinds.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// Takes an object as it is now. Returns what is to be looked at.
    pub(super) fn observe(&mut self, kind: &Arc<Kind>, meta: &ObjectMeta) -> BTreeSet<Uid> {
        let uid = Uid::of(meta.uid.as_deref().unwrap_or(""));
        let known =
            Known { kind: self.number(kind), namespace: place(meta.namespace.as_deref().unwrap_or("")) };
        self.known.insert(uid, known);
        let node = Node::of(kind, meta);
        let old = self.nodes.remove(&uid);
        let (was, is) = (old.as_ref().map(Node::owner_uids).unwrap_or_default(), node.owner_uids());
        let mut looks = BTreeSet::new();
        for gone in was.difference(&is) {
            self.detach(*gone, uid);
        }
        for new in is.difference(&was) {
            self.dependents.entry(*new).or_default().insert(uid);
        }
        // Whoever waits for this object may wait no longer, or be the reason for it to go.
        looks.extend(was.union(&is).filter(|owner| self.waits(**owner)));
        let ended = old.as_ref().map_or(Ending::Not, |old| old.ending);
        if node.ending != ended && matches!(node.ending, Ending::Foreground | Ending::Orphan) {
            looks.insert(uid);
        }
        if node.ending == Ending::Foreground && ended != Ending::Foreground {
            looks.extend(self.dependents_of(uid));
        }
        let lacks = is.iter().any(|owner| self.waits(*owner) || self.owner(&node, *owner) != Owner::Solid);
        if was != is && lacks {
            looks.insert(uid);
        }
        if !node.owners.is_empty() || matches!(node.ending, Ending::Foreground | Ending::Orphan) {
            self.nodes.insert(uid, node);
        }
        looks
    }

    /// Takes note that an object is gone. Returns what is to be looked at.
    pub(super) fn remove(&mut self, uid: Uid) -> BTreeSet<Uid> {
        self.known.remove(&uid);
        let mut looks = self.dependents_of(uid);
        if !looks.is_empty() && !self.buried.contains(&uid) {
            self.buried.truncate(GRAVES - 1);
            self.buried.push_front(uid);
        }
        for owner in self.nodes.remove(&uid).map(|node| node.owner_uids()).unwrap_or_default() {
            self.detach(owner, uid);
            if self.waits(owner) {
                looks.insert(owner);
            }
        }
        looks
    }

    /// Takes note that these are all objects of a kind. Returns what is to be looked at.
    pub(super) fn replace(&mut self, kind: &Kind, listed: &HashSet<Uid>) -> BTreeSet<Uid> {
        let number = self.number(kind);
        let mut gone: Vec<Uid> = Vec::new();
        for (uid, known) in &self.known {
            if known.kind == number && !listed.contains(uid) {
                gone.push(*uid);
            }
        }
        gone.into_iter().flat_map(|uid| self.remove(uid)).collect()
    }

    fn detach(&mut self, owner: Uid, dependent: Uid) {
        if let Some(dependents) = self.dependents.get_mut(&owner) {
            dependents.remove(&dependent);
            if dependents.is_empty() {
                self.dependents.remove(&owner);
            }
        }
    }

    fn waits(&self, owner: Uid) -> bool {
        self.nodes.get(&owner).is_some_and(|owner| owner.ending == Ending::Foreground)
    }

    /// Returns what is known of an object.
    pub(super) fn node(&self, uid: Uid) -> Option<&Node> {
        self.nodes.get(&uid)
    }

    /// Returns the objects that belong to one.
    pub(super) fn dependents_of(&self, uid: Uid) -> BTreeSet<Uid> {
        self.dependents.get(&uid).cloned().unwrap_or_default()
    }

    /// Returns what the graph knows of an owner of an object.
    pub(super) fn owner(&self, dependent: &Node, owner: Uid) -> Owner {
        let Some(known) = self.known.get(&owner) else { return Owner::Unseen };
        if known.namespace != 0 && known.namespace != place(&dependent.namespace) {
            Owner::Elsewhere
        } else if self.waits(owner) {
            Owner::Waiting
        } else {
            Owner::Solid
        }
    }

    /// Returns whether an object was there, had others that belong to it, and is gone. Older ones are forgotten.
    pub(super) fn is_buried(&self, uid: Uid) -> bool {
        self.buried.contains(&uid)
    }
}

/// Returns a number that differs between namespaces; zero outside of them.
fn place(namespace: &str) -> u32 {
    if namespace.is_empty() {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    namespace.hash(&mut hasher);
    u32::try_from(hasher.finish() >> 32).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests;
