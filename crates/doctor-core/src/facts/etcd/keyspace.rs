//! What the keys of an etcd are of.

/// What the keys are of.
#[derive(Clone, Debug, Default)]
pub struct Keyspace {
    /// Where they were read.
    pub source: String,
    /// At which revision.
    pub revision: u64,
    /// How many there are.
    pub keys: u64,
    /// The bytes of all keys and their newest values; history is not in it.
    pub bytes: u64,
    /// The largest kinds and namespaces, the largest first.
    pub fillers: Vec<Filler>,
    /// The largest keys, the largest first, where all values were read; else none.
    pub largest: Vec<Largest>,
}

/// Keys of one kind, in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filler {
    /// What they begin with: `/registry/events/`.
    pub prefix: String,
    /// How many.
    pub keys: u64,
    /// The bytes of keys and their newest values.
    pub bytes: u64,
    /// How often they have been written in all, as far as history of keys that still are tells.
    pub writes: u64,
}

/// One key that is large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Largest {
    /// The key.
    pub key: String,
    /// The bytes of it and its newest value.
    pub bytes: u64,
    /// How often it was written since it was created.
    pub writes: u64,
}
