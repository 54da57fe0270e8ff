//! `stanchion db list`

use clap::Args;
use kube::ResourceExt;
use serde::Serialize;
use stanchion_api::{ConditionKind, DatabaseCluster};

use super::clusters::Place;
use super::text::table;
use crate::error::Failure;
use crate::output::{self, Format};

/// Which clusters.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Those of every namespace.
    #[arg(long, short = 'A')]
    all_namespaces: bool,
}

/// A cluster in one line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    namespace: String,
    name: String,
    primary: Option<String>,
    term: Option<i64>,
    stage: Option<String>,
    instances: Option<String>,
    /// True, False or Unknown, with the reason.
    ready: Option<String>,
    /// Whether a failover would lose nothing and need nobody.
    could_fail_over: Option<bool>,
    /// Why it cannot be understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Lists clusters.
pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let clusters = arguments.place.open().await?;
    let found = clusters.list(arguments.all_namespaces).await?;
    let lines: Vec<Line> = found
        .into_iter()
        .map(|cluster| match cluster.0 {
            Ok(cluster) => line(&cluster),
            Err(invalid) => Line {
                namespace: invalid.metadata.namespace.unwrap_or_default(),
                name: invalid.metadata.name.unwrap_or_default(),
                error: Some(invalid.error),
                ..Line::unknown()
            },
        })
        .collect();
    if format != Format::Table {
        return output::document(&lines, format);
    }
    if lines.is_empty() {
        let place = if arguments.all_namespaces {
            "any namespace".to_owned()
        } else {
            format!("namespace {}", clusters.namespace())
        };
        output::note(&format!("There is no DatabaseCluster in {place}."));
        return Ok(());
    }
    output::text(&laid_out(&lines, arguments.all_namespaces));
    Ok(())
}

fn line(cluster: &DatabaseCluster) -> Line {
    let status = cluster.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().find(|it| it.type_ == ConditionKind::Ready.to_string());
    let ha = status.ha;
    Line {
        namespace: cluster.namespace().unwrap_or_default(),
        name: cluster.name_any(),
        instances: status.instances.map(|instances| instances.summary),
        ready: ready.map(|it| format!("{} ({})", it.status, it.reason)),
        could_fail_over: ha.as_ref().and_then(|ha| ha.readiness.as_ref()).map(|it| it.could),
        term: ha.as_ref().map(|ha| ha.term),
        stage: ha.as_ref().map(|ha| ha.stage.clone()),
        primary: ha.and_then(|ha| ha.primary),
        error: None,
    }
}

fn laid_out(lines: &[Line], with_namespace: bool) -> String {
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let failover = line.could_fail_over.map(|could| if could { "safe" } else { "would wait" });
            vec![
                if with_namespace { line.namespace.clone() } else { String::new() },
                line.name.clone(),
                line.ready.clone().unwrap_or_default(),
                line.instances.clone().unwrap_or_default(),
                line.primary.clone().unwrap_or_default(),
                line.term.map(|term| term.to_string()).unwrap_or_default(),
                line.stage.clone().unwrap_or_default(),
                failover.unwrap_or_default().to_owned(),
                line.error.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let heads = ["NAMESPACE", "NAME", "READY", "INSTANCES", "PRIMARY", "TERM", "STAGE", "FAILOVER", "ERROR"];
    table(&heads, &rows)
}

impl Line {
    fn unknown() -> Self {
        Self {
            namespace: String::new(),
            name: String::new(),
            primary: None,
            term: None,
            stage: None,
            instances: None,
            ready: None,
            could_fail_over: None,
            error: None,
        }
    }
}
