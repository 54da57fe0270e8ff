//! What clients of the Kubernetes API share: caches that follow it, and queues of what to look at.
//!
//! ```text
//!   API -- list, watch --> Informer -- handlers --> Queue -- one key at a time --> reconcile
//!                             ^                                                       |
//!                             +------------------- reads -----------------------------+
//! ```
//!
//! An [`Informer`] owns a copy of the objects of one kind and tells handlers what changes. Handlers put keys into a
//! [`Queue`]; [`work`] hands each key to a reconciler, which reads the state of now from informers. So reconcilers are
//! level-triggered: a key carries no hint of what happened, many changes become one look, and a failed look is
//! repeated with a delay that grows. [`Copies`] are the informers that the parts of one process share.

mod copies;
mod index;
mod informer;
mod key;
mod queue;
mod work;
mod write;

pub use copies::Copies;
pub use index::Index;
pub use informer::{Change, Informer};
pub use key::Key;
pub use queue::Queue;
pub use work::{Failure, Next, work};
pub use write::write;
