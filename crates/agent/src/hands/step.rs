//! Steps: each from what a database is to what it is next.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stanchion_engine::mariadb::{Instance, Source, replication_user};
use stanchion_ha_core::{Containment, InstanceName, ServerId};

use super::{Context, HandError, Hands};
use crate::plan::{Followed, Step};
use crate::supervisor::Stepped;

/// What was received may take so long to apply; whoever waits for it gives up by himself.
const RISE: Duration = Duration::from_hours(24);
/// What nobody else may hold may take so long to apply before somebody is followed anew.
const KEEP: Duration = Duration::from_mins(1);

impl Hands {
    /// Does one step. [`Step::Copy`] and [`Step::Kill`] are none: they take the process.
    pub(crate) async fn step(
        &self,
        instance: &Instance,
        step: Step,
        context: Context,
    ) -> Result<Stepped, HandError> {
        match step {
            Step::Fence { .. } => Ok(Stepped::Fenced(instance.stop_receiving().await?)),
            Step::Listen(followed) => self.listen(instance, &followed, &context).await,
            Step::Acknowledge(followed) => {
                instance.set_acknowledge(followed.acknowledge).await?;
                Ok(Stepped::Done)
            }
            Step::Rise { .. } => {
                instance.stop_receiving().await?;
                Ok(Stepped::Risen(instance.apply_received(RISE).await?))
            }
            Step::Promote { term, require, barred } => {
                let number = ServerId::of_term(term);
                self.promote(instance, number, require, &barred, &context).await
            }
            Step::Require(required) => {
                let position = instance.require_acknowledgements(required).await?;
                Ok(Stepped::Required(required.then_some(position)))
            }
            Step::Bar(barred) => {
                let servers = servers(&barred, &context)?;
                Ok(Stepped::Barred(instance.bar(&servers).await?))
            }
            Step::HandOver { .. } => self.hand_over(instance, &context).await,
            Step::Resume { barred, .. } => self.resume(instance, &servers(&barred, &context)?).await,
            Step::Copy { .. } | Step::Kill => Ok(Stepped::Done),
        }
    }

    async fn listen(
        &self,
        instance: &Instance,
        followed: &Followed,
        context: &Context,
    ) -> Result<Stepped, HandError> {
        instance.stop_receiving().await?;
        if context.keep_received {
            instance.apply_received(KEEP).await?;
        }
        let executed = instance.executed().await?;
        if let Containment::Diverged { after } = context.history.contains(executed) {
            return Ok(Stepped::Diverged(after));
        }
        let tls = self.0.database.tls().cloned();
        let source = Source {
            address: followed.address,
            user: replication_user(self.server()),
            password: self.secret("replication-password").await?,
            tls,
            heartbeat: context.heartbeat,
        };
        if self.0.numbered.load(Ordering::Acquire) {
            self.number(self.server()).await?;
            self.0.numbered.store(false, Ordering::Release);
        }
        instance.follow(&source, followed.acknowledge).await?;
        if self.wrote() {
            // All it holds belongs, and it is read-only.
            self.unmark().await?;
        }
        Ok(Stepped::Done)
    }

    async fn promote(
        &self,
        instance: &Instance,
        number: ServerId,
        require: bool,
        barred: &BTreeSet<InstanceName>,
        context: &Context,
    ) -> Result<Stepped, HandError> {
        let servers = servers(barred, context)?;
        // The disk and the database work at the same time; both are done before anybody can write.
        let (marked, position) = tokio::join!(self.mark(), instance.promote(require));
        marked?;
        let position = position?;
        let barred_at = instance.bar(&servers).await?;
        self.0.numbered.store(true, Ordering::Release);
        self.number(number).await?;
        instance.set_writable().await?;
        Ok(Stepped::Promoted { requires: require.then_some(position), barred_at })
    }

    async fn hand_over(&self, instance: &Instance, context: &Context) -> Result<Stepped, HandError> {
        let position = instance.demote_orderly(context.patience).await?;
        if let Err(error) = instance.brake(Duration::ZERO).await {
            tracing::warn!(%error, "cannot release the brake");
        }
        if let Err(error) = self.unmark().await {
            tracing::warn!(error = error.chain(), "the next start will be a careful one");
        }
        Ok(Stepped::HandedOver(position))
    }

    async fn resume(&self, instance: &Instance, barred: &BTreeSet<ServerId>) -> Result<Stepped, HandError> {
        self.mark().await?;
        let barred_at = instance.bar(barred).await?;
        let health = instance.check().await?;
        instance.set_writable().await?;
        let requires = health.requires_acknowledgement.then_some(health.executed);
        Ok(Stepped::Promoted { requires, barred_at })
    }
}

fn servers(names: &BTreeSet<InstanceName>, context: &Context) -> Result<BTreeSet<ServerId>, HandError> {
    let number = |name: &InstanceName| {
        context.servers.get(name).copied().ok_or_else(|| HandError::Stranger(name.clone()))
    };
    names.iter().map(number).collect()
}
