//! Certificates that end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::Args;
use stanchion_doctor::{renew_certificates, restart_static_pod, survey_certificates};
use stanchion_doctor_core::{Finding, LeftUnrepaired, Place, Reader, Renewal, Seconds, plan_renewal};

use super::left;
use crate::commands::doctor::sources::Sources;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output;

/// The check whose repair it is.
pub(super) const CHECK: &str = "certs/expiry";

/// What becomes of those who hold an old certificate.
#[derive(Debug, Args)]
pub(super) struct Restart {
    /// Restart the static Pods that hold certificates which were made anew, one after the other.
    #[arg(long)]
    restart_static_pods: bool,
    /// Where the manifests of static Pods are.
    #[arg(long, value_name = "DIR", default_value = "/etc/kubernetes/manifests")]
    manifests_dir: PathBuf,
}

/// Certificates that are made anew.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    pub(super) renewals: Vec<Renewal>,
}

impl Certificates {
    /// Plans it: what is at hand to make them is looked for in the directories that are given.
    pub(super) async fn plan(
        sources: &Sources,
        now: i64,
        findings: impl Iterator<Item = &Finding>,
        left_alone: &mut Vec<LeftUnrepaired>,
    ) -> Result<Self, Failure> {
        let mut places: BTreeMap<Place, &Finding> = BTreeMap::new();
        for finding in findings {
            match Place::of(&finding.subject) {
                Ok(place) => drop(places.insert(place, finding)),
                Err(refusal) => left_alone.push(left(finding, &refusal.why)),
            }
        }
        if places.is_empty() {
            return Ok(Self::default());
        }
        let directories = sources.certificate_directories().to_vec();
        let wanted: Vec<Place> = places.keys().cloned().collect();
        let surveyed = tokio::task::spawn_blocking(move || survey_certificates(&directories, &wanted)).await;
        let mut renewals = Vec::new();
        for (finding, ending) in
            places.values().zip(surveyed.context("the directories were not looked through")?)
        {
            match ending.and_then(|ending| plan_renewal(now, &ending)) {
                Ok(renewal) => renewals.push(renewal),
                Err(refusal) => left_alone.push(left(finding, &refusal.why)),
            }
        }
        Ok(Self { renewals })
    }

    /// Makes all anew, or none; then restarts who holds the old ones, or says who has to be.
    pub(super) async fn carry_out(
        &self,
        restart: &Restart,
        now: i64,
        number: &mut usize,
    ) -> Result<(), Failure> {
        if self.renewals.is_empty() {
            return Ok(());
        }
        for renewal in &self.renewals {
            *number += 1;
            output::note(&format!("{number}. {} …", renewal.preview.what));
        }
        let renewals = self.renewals.clone();
        let renewed = tokio::task::spawn_blocking(move || renew_certificates(&renewals, now)).await;
        let kept = renewed
            .context("no certificate was made")?
            .map_err(|error| Failure::new(Exit::Failure, error))?;
        let kept: Vec<_> = kept.iter().map(|path| path.display().to_string()).collect();
        output::note(&format!("   all are in their places; the old ones are kept in {}", kept.join(", ")));
        let readers: BTreeSet<Reader> = self.renewals.iter().map(|renewal| renewal.reader).collect();
        for renewal in self.renewals.iter().filter(|renewal| renewal.reader == Reader::People) {
            output::note(&format!("   copies of {} have to be made anew", renewal.place));
        }
        // etcd before the API server, whose clients the others are.
        let order =
            [Reader::Etcd, Reader::KubeApiserver, Reader::KubeControllerManager, Reader::KubeScheduler];
        for reader in order.into_iter().filter(|reader| readers.contains(reader)) {
            self.restart(restart, reader).await?;
        }
        Ok(())
    }

    async fn restart(&self, restart: &Restart, reader: Reader) -> Result<(), Failure> {
        let Some(pod) = reader.pod() else { return Ok(()) };
        if !restart.restart_static_pods {
            let of_it = self.renewals.iter().filter(|renewal| renewal.reader == reader);
            let files: Vec<_> = of_it.map(|renewal| renewal.place.path().display().to_string()).collect();
            output::note(&format!("   {pod} has to be restarted: it holds {}", files.join(", ")));
            return Ok(());
        }
        output::note(&format!("   restarting {pod} …"));
        let start = Instant::now();
        restart_static_pod(&restart.manifests_dir, pod).await.map_err(|error| {
            let error =
                anyhow!(error).context(format!("the certificates are made, and {pod} was not restarted"));
            Failure::new(Exit::Failure, error)
                .hint("see to it, and restart by hand who has not been: those named before have been")
        })?;
        output::note(&format!("   {pod} answers again ({})", Seconds(start.elapsed())));
        Ok(())
    }
}
