//! MariaDB 10.11 and later of that line.
//!
//! ```text
//!   volume (Layout)
//!     data/            the data directory             settle, initialize, offline, Restore
//!     making/          where one is being made; no crash leaves anything of value here
//!     data.ready/      a finished copy, about to become data/
//!     data.old/        what it replaces, until that is durable
//!     diverged/        transactions that were taken back, as SQL; never deleted
//!     my.cnf           written anew before each start (Config)
//! ```
//!
//! [`Process`] is one life of `mariadbd`, [`Instance`] its SQL side. A server boots read-only and does not replicate until
//! it is told to. Replication is by global transaction ids in domain 0; commits wait for an acknowledgement between the
//! binary log and the storage engine, and never stop to wait by themselves.

mod accounts;
mod config;
mod copy;
mod files;
mod initialize;
mod instance;
mod layout;
mod log;
mod offline;
pub mod parameters;
mod password;
mod process;
mod program;
mod text;

pub use accounts::{ReplicationAccounts, replication_user};
pub use config::{Config, ConfigError, Recovery, Tls};
pub use copy::{Backup, BackupCompletion, Backups, CopyError, Restore};
pub use files::{Files, FilesError, settle};
pub use initialize::{InitializeError, initialize};
pub use instance::{
    ApplyError, DemoteError, DrainError, DumpThread, Health, Instance, Positions, Receiving, Replication,
    SemiSync, Source, SqlError, Trouble,
};
pub use layout::Layout;
pub use offline::{Offline, OfflineError, offline, save_diverged};
pub use password::Password;
pub use process::{Ended, Process, ReadyError, StartError};
pub use program::ProgramError;
