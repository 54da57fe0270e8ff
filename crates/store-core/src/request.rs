//! Requests and their results, parsed and checked: the core takes nothing else.

mod check;

use bytes::Bytes;

pub use check::Limits;

use crate::types::{KeyRange, KeyValue, LeaseId, Revision};

/// What a range is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortTarget {
    /// The key.
    #[default]
    Key,
    /// The number of writes since the creation.
    Version,
    /// The revision of the creation.
    Created,
    /// The revision of the last write.
    Modified,
    /// The value.
    Value,
}

/// The order of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// As the index has it: by key, ascending; any other target ascends too.
    #[default]
    Unsorted,
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// A read of a range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeQuery {
    /// The keys.
    pub range: KeyRange,
    /// How many pairs to return at the most; 0 is no limit.
    pub limit: u64,
    /// The revision to read at; [`Revision::NONE`] is the newest.
    pub revision: Revision,
    /// The order of the pairs.
    pub order: SortOrder,
    /// What the order is by.
    pub target: SortTarget,
    /// Leave the values out.
    pub keys_only: bool,
    /// Return only the count.
    pub count_only: bool,
    /// Bounds on the last write's revision; 0 is no bound.
    pub min_modified: i64,
    /// See `min_modified`.
    pub max_modified: i64,
    /// Bounds on the creation's revision; 0 is no bound.
    pub min_created: i64,
    /// See `min_created`.
    pub max_created: i64,
}

impl RangeQuery {
    /// Reads all of `range` at the newest revision, by key.
    pub fn new(range: KeyRange) -> Self {
        Self {
            range,
            limit: 0,
            revision: Revision::NONE,
            order: SortOrder::default(),
            target: SortTarget::default(),
            keys_only: false,
            count_only: false,
            min_modified: 0,
            max_modified: 0,
            min_created: 0,
            max_created: 0,
        }
    }

    /// Whether a limit ends the walk over the index early: what comes behind it is not looked at.
    ///
    /// As in etcd that is so without an order, also if there is a target other than the key; then the pairs
    /// up to the limit are sorted, and not those with the smallest values returned.
    pub fn limits_walk(&self) -> bool {
        match self.order {
            SortOrder::Unsorted => !self.has_bounds(),
            SortOrder::Ascending => self.target == SortTarget::Key && !self.has_bounds(),
            SortOrder::Descending => false,
        }
    }

    /// Whether there are bounds on revisions.
    fn has_bounds(&self) -> bool {
        let bounds = [self.min_modified, self.max_modified, self.min_created, self.max_created];
        bounds.iter().any(|bound| *bound != 0)
    }

    /// Whether a pair with these revisions passes the bounds.
    pub fn admits(&self, modified: Revision, created: Revision) -> bool {
        (self.min_modified == 0 || modified.0 >= self.min_modified)
            && (self.max_modified == 0 || modified.0 <= self.max_modified)
            && (self.min_created == 0 || created.0 >= self.min_created)
            && (self.max_created == 0 || created.0 <= self.max_created)
    }
}

/// What a [`RangeQuery`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeResult {
    /// The newest revision at the time of the read.
    pub revision: Revision,
    /// The pairs.
    pub kvs: Vec<KeyValue>,
    /// Whether the limit left pairs out.
    pub more: bool,
    /// How many keys the range has, whatever the limit and the bounds.
    pub count: u64,
}

/// A write of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// The lease to bind the key to.
    pub lease: LeaseId,
    /// Return the pair that stood there before.
    pub prev_kv: bool,
    /// Keep the value that is there.
    pub ignore_value: bool,
    /// Keep the lease that is there.
    pub ignore_lease: bool,
}

/// What a [`Put`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutResult {
    /// The revision of the write.
    pub revision: Revision,
    /// The pair before, if asked for and there.
    pub prev_kv: Option<KeyValue>,
}

/// A deletion of a range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRange {
    /// The keys.
    pub range: KeyRange,
    /// Return the pairs that stood there before.
    pub prev_kv: bool,
}

/// What a [`DeleteRange`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteResult {
    /// The revision after it: a deletion of nothing makes none.
    pub revision: Revision,
    /// How many keys were deleted.
    pub deleted: u64,
    /// The pairs before, if asked for.
    pub prev_kvs: Vec<KeyValue>,
}

/// How a compared property relates to the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareResult {
    /// They are the same.
    Equal,
    /// The store's is larger.
    Greater,
    /// The store's is smaller.
    Less,
    /// They differ.
    NotEqual,
}

impl CompareResult {
    /// Whether `ordering` (of the store's to the expected property) is what is asked for.
    pub fn accepts(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Greater => ordering.is_gt(),
            Self::Less => ordering.is_lt(),
            Self::NotEqual => ordering.is_ne(),
        }
    }
}

/// A compared property and its expected value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The number of writes since the creation; 0 for a key that is not there.
    Version(i64),
    /// The creation's revision; 0 for a key that is not there.
    Created(i64),
    /// The last write's revision; 0 for a key that is not there.
    Modified(i64),
    /// The value; a key that is not there fails every comparison.
    Value(Bytes),
    /// The lease; 0 for a key that is not there.
    Lease(i64),
}

/// One condition of a transaction; over a range, every key has to meet it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The keys.
    pub range: KeyRange,
    /// The property and what it is compared with.
    pub test: Test,
    /// The relation that is asked for.
    pub result: CompareResult,
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A read.
    Range(RangeQuery),
    /// A write.
    Put(Put),
    /// A deletion.
    Delete(DeleteRange),
    /// A transaction within.
    Txn(Txn),
}

/// If all of `compares` hold then `success` else `failure`, at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// The conditions.
    pub compares: Vec<Compare>,
    /// What is done when they all hold.
    pub success: Vec<Op>,
    /// What is done when one does not.
    pub failure: Vec<Op>,
}

impl Txn {
    /// Whether it only reads, so that it needs no place in the order of writes.
    ///
    /// A nested transaction counts as a write, as it does in etcd.
    pub fn is_read_only(&self) -> bool {
        self.success.iter().chain(&self.failure).all(|op| matches!(op, Op::Range(_)))
    }
}

/// The result of one operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpResult {
    /// Of a read.
    Range(RangeResult),
    /// Of a write.
    Put(PutResult),
    /// Of a deletion.
    Delete(DeleteResult),
    /// Of a transaction within.
    Txn(TxnResult),
}

/// What a [`Txn`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnResult {
    /// The revision after it.
    pub revision: Revision,
    /// Whether the conditions held.
    pub succeeded: bool,
    /// The results of the branch that was taken, in order.
    pub results: Vec<OpResult>,
}
