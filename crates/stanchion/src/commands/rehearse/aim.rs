//! At whom a rehearsal aims: a cluster, its primary, and the primary's processes.

use anyhow::anyhow;
use clap::ValueEnum;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde::Serialize;
use stanchion_api::HaStatus;
use stanchion_rehearse::{Access, Victims};

use super::processes::{self, Identity};
use crate::commands::db::Clusters;
use crate::error::Failure;
use crate::exit::Exit;

/// What is done to the primary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Mode {
    /// SIGKILL of mariadbd; its agent sees it at once.
    #[default]
    Mariadbd,
    /// SIGKILL of the agent and of mariadbd together; the node sees it.
    Pod,
    /// SIGSTOP of the agent and of mariadbd together: it looks as if it ran. It goes on when another one writes.
    Freeze,
}

/// At whom a rehearsal aims.
pub(super) struct Aim {
    pub(super) cluster: String,
    pub(super) namespace: String,
    pub(super) primary: String,
    pub(super) mode: Mode,
    /// What the manager shows before the harm.
    pub(super) before: HaStatus,
    pub(super) access: Access,
    pub(super) victims: Victims,
}

impl Aim {
    /// Takes aim. Without a name it is the only cluster of the namespace.
    pub(super) async fn take(clusters: &Clusters, name: Option<&str>, mode: Mode) -> Result<Self, Failure> {
        let cluster = match name {
            Some(name) => name.to_owned(),
            None => only(clusters).await?,
        };
        let object = clusters.get(&cluster).await?;
        let ha = object.status.as_ref().and_then(|status| status.ha.clone()).unwrap_or_default();
        let Some(primary) = ha.primary.clone().filter(|_| ha.is_serving()) else {
            let error = anyhow!("{cluster} has no primary that writes at the moment");
            return Err(Failure::new(Exit::Unhealthy, error).hint(format!("stanchion db status {cluster}")));
        };
        let pod: Pod = clusters.object(&primary).await?;
        let status = pod.status.unwrap_or_default();
        let pod = Identity {
            name: primary.clone(),
            namespace: clusters.namespace().to_owned(),
            address: status.pod_ip.unwrap_or_default(),
            node: pod.spec.and_then(|spec| spec.node_name).unwrap_or_else(|| "none".to_owned()),
        };
        let all = processes::of_pod(&pod)?;
        let victims = match mode {
            Mode::Mariadbd => processes::servers(&all)?,
            Mode::Pod | Mode::Freeze => all,
        };
        Ok(Self {
            access: clusters.application(&cluster).await?,
            namespace: clusters.namespace().to_owned(),
            cluster,
            primary,
            mode,
            before: ha,
            victims,
        })
    }

    /// Says what would be done.
    pub(super) fn plan(&self) -> String {
        let Self { cluster, namespace, primary, victims, access, .. } = self;
        let harm = match self.mode {
            Mode::Mariadbd => "killed (SIGKILL)",
            Mode::Pod => "killed together (SIGKILL)",
            Mode::Freeze => "frozen (SIGSTOP) until another instance writes",
        };
        let readiness = self.before.readiness.clone().unwrap_or_default();
        let prospects = match (&readiness.candidate, readiness.could) {
            (Some(candidate), true) => format!("{candidate} would take over now: {}", readiness.why),
            (None, true) => format!("somebody would take over now: {}", readiness.why),
            (_, false) => format!("NOBODY would take over now, writes would wait: {}", readiness.why),
        };
        format!(
            "{namespace}/{cluster}: {primary} is primary of term {}. {prospects}.\n\
             A client writes a row every 10 ms to {}.stanchion_rehearsal at {}:{}.\n\
             Then these are {harm}: {victims}.\n\
             When writes succeed again and {primary} is back, every acknowledged row is looked for.\n",
            self.before.term, access.database, access.host, access.port,
        )
    }
}

/// Returns the only cluster of the namespace.
async fn only(clusters: &Clusters) -> Result<String, Failure> {
    let names: Vec<String> = clusters.list(false).await?.iter().map(ResourceExt::name_any).collect();
    match names.as_slice() {
        [name] => Ok(name.clone()),
        [] => {
            let error = anyhow!("there is no DatabaseCluster in namespace {}", clusters.namespace());
            Err(Failure::new(Exit::Usage, error).hint("name the namespace with --namespace"))
        }
        several => {
            let error = anyhow!("there are several clusters: {}", several.join(", "));
            Err(Failure::new(Exit::Usage, error).hint("name one with --cluster"))
        }
    }
}
