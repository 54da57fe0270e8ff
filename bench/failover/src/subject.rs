//! What is measured: a database with replicas behind one address.

use std::time::Duration;

use anyhow::Result;
use stanchion_rehearse::load::Driver;
use stanchion_rehearse::{Access, Target, Victims};

use crate::case::Case;

/// A database with replicas that runs. Dropping it ends its processes.
pub(crate) trait Subject {
    /// What the writer writes to.
    type Target: Target;

    /// Returns the one address that applications use.
    fn access(&self) -> &Access;

    /// Returns which protocol it speaks.
    fn driver(&self) -> Driver;

    /// Returns the one address for the writer.
    fn target(&self) -> Self::Target;

    /// Waits until it has a primary, and all others follow it.
    async fn healthy(&mut self, within: Duration) -> Result<()>;

    /// Returns the processes of the primary that a case is about.
    async fn victims(&mut self, case: Case) -> Result<Victims>;

    /// Asks for another primary.
    async fn switch_over(&mut self) -> Result<()>;

    /// Starts again what was killed and does not come back by itself.
    async fn heal(&mut self) -> Result<()>;

    /// Ends it.
    async fn stop(self) -> Result<()>;
}
