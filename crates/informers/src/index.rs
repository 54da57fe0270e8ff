//! Objects found by something else than their name.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use kube::Resource;
use parking_lot::RwLock;

use crate::informer::{Change, Informer};
use crate::key::Key;

/// The objects of an informer by values that a function reads from them, for example by the uid of who controls them.
pub struct Index<K: 'static, V> {
    informer: Informer<K>,
    keys: Arc<RwLock<HashMap<V, BTreeSet<Key>>>>,
}

impl<K, V> Clone for Index<K, V> {
    fn clone(&self) -> Self {
        Self { informer: self.informer.clone(), keys: Arc::clone(&self.keys) }
    }
}

impl<K, V> fmt::Debug for Index<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("values", &self.keys.read().len()).finish_non_exhaustive()
    }
}

impl<K, V> Index<K, V>
where
    K: Resource + Send + Sync + 'static,
    V: Eq + Hash + Send + Sync + 'static,
{
    /// Begins to keep an index; to be made before the informer runs, and before handlers that read it are added.
    pub fn new(informer: &Informer<K>, values: impl Fn(&K) -> Vec<V> + Send + Sync + 'static) -> Self {
        let keys: Arc<RwLock<HashMap<V, BTreeSet<Key>>>> = Arc::default();
        let kept = Arc::clone(&keys);
        informer.on_change(move |change| {
            let mut kept = kept.write();
            match change {
                Change::Added(object) => insert(&mut kept, values(object), &Key::of(&**object)),
                Change::Modified { old, new } => {
                    remove(&mut kept, values(old), &Key::of(&**old));
                    insert(&mut kept, values(new), &Key::of(&**new));
                }
                Change::Deleted(object) => remove(&mut kept, values(object), &Key::of(&**object)),
            }
        });
        Self { informer: informer.clone(), keys }
    }

    /// Returns the objects that have a value, in the order of their keys.
    pub fn get(&self, value: &V) -> Vec<Arc<K>> {
        let keys: Vec<Key> =
            self.keys.read().get(value).map(|keys| keys.iter().cloned().collect()).unwrap_or_default();
        keys.iter().filter_map(|key| self.informer.get(key)).collect()
    }
}

fn insert<V: Eq + Hash>(kept: &mut HashMap<V, BTreeSet<Key>>, values: Vec<V>, key: &Key) {
    for value in values {
        kept.entry(value).or_default().insert(key.clone());
    }
}

fn remove<V: Eq + Hash>(kept: &mut HashMap<V, BTreeSet<Key>>, values: Vec<V>, key: &Key) {
    for value in values {
        if let Some(keys) = kept.get_mut(&value) {
            keys.remove(key);
            if keys.is_empty() {
                kept.remove(&value);
            }
        }
    }
}
