//! Objects found by something else than their name.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use kube::Resource;
use parking_lot::RwLock;

use crate::informer::{Change, Informer};
use crate::key::Key;

/// The objects of an informer by values that a function reads from them, for example by the uid of who controls them.
pub struct Index<K: 'static, V> {
    kept: Arc<RwLock<Kept<K, V>>>,
}

type Kept<K, V> = HashMap<V, BTreeMap<Key, Arc<K>>>;

impl<K, V> Clone for Index<K, V> {
    fn clone(&self) -> Self {
        Self { kept: Arc::clone(&self.kept) }
    }
}

impl<K, V> fmt::Debug for Index<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("values", &self.kept.read().len()).finish_non_exhaustive()
    }
}

impl<K, V> Index<K, V>
where
    K: Resource + Send + Sync + 'static,
    V: Eq + Hash + Send + Sync + 'static,
{
    /// Begins to keep an index; to be made before handlers that read it are added.
    pub fn new(informer: &Informer<K>, values: impl Fn(&K) -> Vec<V> + Send + Sync + 'static) -> Self {
        let kept: Arc<RwLock<Kept<K, V>>> = Arc::default();
        let index = Self { kept: Arc::clone(&kept) };
        informer.on_change(move |change| {
            let mut kept = kept.write();
            match change {
                Change::Added(object) => insert(&mut kept, values(object), object),
                Change::Modified { old, new } => {
                    let (before, after) = (values(old), values(new));
                    if before != after {
                        remove(&mut kept, before, &Key::of(&**old));
                    }
                    insert(&mut kept, after, new);
                }
                Change::Deleted(object) => remove(&mut kept, values(object), &Key::of(&**object)),
            }
        });
        index
    }

    /// Returns the objects that have a value, in the order of their keys.
    pub fn get(&self, value: &V) -> Vec<Arc<K>> {
        let kept = self.kept.read();
        kept.get(value).map(|objects| objects.values().cloned().collect()).unwrap_or_default()
    }
}

fn insert<K: Resource, V: Eq + Hash>(kept: &mut Kept<K, V>, values: Vec<V>, object: &Arc<K>) {
    for value in values {
        kept.entry(value).or_default().insert(Key::of(&**object), Arc::clone(object));
    }
}

fn remove<K, V: Eq + Hash>(kept: &mut Kept<K, V>, values: Vec<V>, key: &Key) {
    for value in values {
        if let Some(objects) = kept.get_mut(&value) {
            objects.remove(key);
            if objects.is_empty() {
                kept.remove(&value);
            }
        }
    }
}
