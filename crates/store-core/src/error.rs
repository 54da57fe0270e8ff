//! What a request is refused with: etcd's own texts and codes, because clients match on them.

use crate::types::Revision;

/// The gRPC status codes in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request can never succeed as it stands.
    InvalidArgument,
    /// A revision or size outside what the store holds.
    OutOfRange,
    /// A limit or the quota is reached.
    ResourceExhausted,
    /// A named object does not exist.
    NotFound,
    /// The store is in a state that does not allow it.
    FailedPrecondition,
    /// Not now; a retry may succeed.
    Unavailable,
    /// Stored data is damaged.
    DataLoss,
    /// The store has no such operation.
    Unimplemented,
    /// The client may not do this.
    PermissionDenied,
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The key is empty.
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    /// `ignore_value` or `ignore_lease` on a key that does not exist, or an empty operation in a transaction.
    #[error("etcdserver: key not found")]
    KeyNotFound,
    /// `ignore_value` together with a value.
    #[error("etcdserver: value is provided")]
    ValueProvided,
    /// `ignore_lease` together with a lease.
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    /// More operations in a transaction than allowed.
    #[error("etcdserver: too many operations in txn request")]
    TooManyOps,
    /// A transaction changes a key twice.
    #[error("etcdserver: duplicate key given in txn request")]
    DuplicateKey,
    /// An unknown sort order or target.
    #[error("etcdserver: invalid sort option")]
    InvalidSortOption,
    /// The request is larger than allowed.
    #[error("etcdserver: request is too large")]
    RequestTooLarge,
    /// More requests, streams or watchers at once than allowed.
    #[error("etcdserver: too many requests")]
    TooManyRequests,
    /// The revision is below the compacted one.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted(Revision),
    /// The revision is above the newest one.
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    /// The quota is used up.
    #[error("etcdserver: mvcc: database space exceeded")]
    NoSpace,
    /// No lease has this id.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// A lease has this id already.
    #[error("etcdserver: lease already exists")]
    LeaseExists,
    /// The time to live is above 9,000,000,000 s.
    #[error("etcdserver: too large lease TTL")]
    LeaseTtlTooLarge,
    /// A watch on a range in which no key can be.
    #[error("mvcc: watcher range is empty")]
    EmptyWatchRange,
    /// The stream has a watch with this id.
    #[error("mvcc: duplicate watch ID provided on the WatchStream")]
    DuplicateWatchId,
    /// The CORRUPT alarm is raised.
    #[error("etcdserver: corrupt cluster")]
    Corrupt,
    /// The server is on its way down.
    #[error("etcdserver: server stopped")]
    Stopped,
    /// The request was not carried out within its time.
    #[error("etcdserver: request timed out")]
    Timeout,
    /// The disk has no room for the write; nothing was changed.
    #[error("etcdserver: disk full: {0}")]
    DiskFull(String),
    /// Writing or flushing failed earlier; nothing more is written until a restart has read the disk anew.
    #[error("etcdserver: storage failed, writes are refused until a restart: {0}")]
    StorageFailed(String),
    /// The file system refused an operation; nothing was changed.
    #[error("etcdserver: storage error: {0}")]
    Storage(String),
    /// A record could not be read back as it was written.
    #[error("etcdserver: corrupt record: {0}")]
    CorruptRecord(String),
    /// The member id is not the one of this server.
    #[error("etcdserver: member not found")]
    MemberNotFound,
    /// Leadership cannot move to this member.
    #[error("etcdserver: bad leader transferee")]
    BadLeaderTransferee,
    /// A change of the membership, which one member does not have.
    #[error("etcdserver: not capable")]
    NotCapable,
    /// The client may not do this, or not with these keys.
    #[error("etcdserver: permission denied")]
    PermissionDenied,
    /// Users are not in use.
    #[error("etcdserver: authentication is not enabled")]
    AuthNotEnabled,
    /// Users cannot be put to use.
    #[error(
        "etcdserver: users and roles are not supported; use TLS client certificates (--client-cert-auth)"
    )]
    AuthUnsupported,
    /// An operation that this store does not have.
    #[error("etcdserver: not supported: {0}")]
    Unsupported(&'static str),
    /// An error of a remote store that has no name here.
    #[error("{text}")]
    Remote {
        /// The code it came with.
        code: Code,
        /// Its text.
        text: String,
    },
}

impl StoreError {
    /// Returns the gRPC code that etcd gives with this text.
    pub fn code(&self) -> Code {
        match self {
            Self::EmptyKey
            | Self::KeyNotFound
            | Self::ValueProvided
            | Self::LeaseProvided
            | Self::TooManyOps
            | Self::DuplicateKey
            | Self::InvalidSortOption
            | Self::RequestTooLarge
            | Self::EmptyWatchRange
            | Self::DuplicateWatchId => Code::InvalidArgument,
            Self::Compacted(_) | Self::FutureRevision | Self::LeaseTtlTooLarge => Code::OutOfRange,
            Self::NoSpace | Self::TooManyRequests | Self::DiskFull(_) => Code::ResourceExhausted,
            Self::LeaseNotFound | Self::MemberNotFound => Code::NotFound,
            Self::LeaseExists | Self::BadLeaderTransferee | Self::NotCapable | Self::AuthNotEnabled => {
                Code::FailedPrecondition
            }
            Self::Stopped | Self::Timeout | Self::StorageFailed(_) | Self::Storage(_) => Code::Unavailable,
            Self::Corrupt | Self::CorruptRecord(_) => Code::DataLoss,
            Self::PermissionDenied => Code::PermissionDenied,
            Self::AuthUnsupported | Self::Unsupported(_) => Code::Unimplemented,
            Self::Remote { code, .. } => *code,
        }
    }

    /// Finds the error with etcd's `text`, for answers of a remote store.
    pub fn from_text(code: Code, text: &str) -> Self {
        const KNOWN: &[StoreError] = &[
            StoreError::EmptyKey,
            StoreError::KeyNotFound,
            StoreError::ValueProvided,
            StoreError::LeaseProvided,
            StoreError::TooManyOps,
            StoreError::DuplicateKey,
            StoreError::InvalidSortOption,
            StoreError::RequestTooLarge,
            StoreError::TooManyRequests,
            StoreError::Compacted(Revision::NONE),
            StoreError::FutureRevision,
            StoreError::NoSpace,
            StoreError::LeaseNotFound,
            StoreError::LeaseExists,
            StoreError::LeaseTtlTooLarge,
            StoreError::Corrupt,
            StoreError::Stopped,
            StoreError::Timeout,
            StoreError::MemberNotFound,
            StoreError::BadLeaderTransferee,
            StoreError::NotCapable,
            StoreError::AuthNotEnabled,
            StoreError::PermissionDenied,
        ];
        let known = KNOWN.iter().find(|error| error.to_string() == text);
        known.cloned().unwrap_or_else(|| Self::Remote { code, text: text.to_owned() })
    }
}
