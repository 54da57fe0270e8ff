//! `stanchion db logs`: what the container of a database says.

use anyhow::{Context, anyhow};
use clap::Args;
use futures::AsyncReadExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use stanchion_api::{DatabaseCluster, names};

use super::clusters::{Place, refused};
use crate::error::Failure;
use crate::exit::Exit;
use crate::output;

/// So much is read at a time.
const CHUNK: usize = 16 * 1024;

/// Whose logs.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cluster.
    name: String,
    /// The instance, such as orders-1; the primary by default.
    instance: Option<String>,
    /// Go on with what comes. A change of primary is not followed.
    #[arg(long, short)]
    follow: bool,
    /// So many lines from the end; all by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    tail: Option<i64>,
    /// The logs of the container that ran before, if it was started anew.
    #[arg(long, short, conflicts_with = "follow")]
    previous: bool,
    #[command(flatten)]
    place: Place,
}

/// Prints the logs.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let clusters = arguments.place.open().await?;
    let cluster = clusters.get(&arguments.name).await?;
    let instance = instance(&cluster, &arguments.name, arguments.instance.as_deref())?;
    if arguments.instance.is_none() {
        output::note(&format!("{instance} is the primary"));
    }
    let wanted = LogParams {
        container: Some(names::CONTAINER.to_owned()),
        follow: arguments.follow,
        tail_lines: arguments.tail,
        previous: arguments.previous,
        ..LogParams::default()
    };
    let what = format!("cannot read the logs of Pod {}/{instance}", clusters.namespace());
    let opened = clusters.api::<Pod>().log_stream(&instance, &wanted).await;
    let mut stream = Box::pin(opened.map_err(|error| refused(error, &what))?);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = stream.read(&mut chunk).await.with_context(|| what.clone());
        let read = read.map_err(|error| Failure::new(Exit::Unavailable, error))?;
        // Whoever reads may have read enough.
        if read == 0 || !output::bytes_out(&chunk[..read])? {
            return Ok(());
        }
    }
}

/// Returns the instance that is meant: the one that was named, or the primary.
pub(super) fn instance(
    cluster: &DatabaseCluster,
    name: &str,
    given: Option<&str>,
) -> Result<String, Failure> {
    if let Some(given) = given {
        if names::ordinal(name, given).is_none() {
            let error = anyhow!("{given} is no instance of {name}: those are {name}-0, {name}-1 and so on");
            return Err(Failure::new(Exit::Usage, error));
        }
        return Ok(given.to_owned());
    }
    let primary = cluster.status.as_ref().and_then(|status| status.ha.as_ref()?.primary.clone());
    primary.ok_or_else(|| {
        Failure::new(Exit::Unhealthy, anyhow!("{name} has no primary at the moment"))
            .hint(format!("name an instance, such as {name}-0, or look at `stanchion db status {name}`"))
    })
}
