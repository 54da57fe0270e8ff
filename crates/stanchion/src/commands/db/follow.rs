//! Operations: asked for by an annotation on the cluster, carried out by the manager, followed in the status.

mod plan;

use std::time::Duration;

use anyhow::anyhow;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde::Serialize;
use serde_json::json;
use stanchion_api::{
    DatabaseCluster, FailoverStatus, HaStatus, OPERATION, Operation, OperationKind, OperationState,
    OperationStatus,
};
use tokio::time::Instant;

use self::plan::Plan;
use super::clusters::{Clusters, refused};
use super::story;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format};

/// From one look at the status to the next.
const LOOK: Duration = Duration::from_millis(150);
/// The manager takes back a hand over within 10 s, and tells what became of an operation right after.
const SLACK: Duration = Duration::from_secs(15);
/// An old primary that goes on is writable again within this time.
const BACK: Duration = Duration::from_secs(10);
/// So often it is asked again when somebody else has changed the cluster meanwhile: the manager does every second.
const TRIES: u32 = 20;

/// What a person asks for.
pub(super) struct Request<'a> {
    pub(super) name: &'a str,
    pub(super) kind: OperationKind,
    pub(super) to: Option<&'a str>,
    pub(super) deadline: Option<Duration>,
    pub(super) allow_data_loss: bool,
}

/// How an operation ended, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ended {
    operation: OperationStatus,
    primary: Option<String>,
    /// The change of primary that the operation brought; nothing if it brought none.
    failover: Option<FailoverStatus>,
}

/// Reads a deadline: whole seconds, as the manager takes them.
pub(super) fn deadline(text: &str) -> Result<Duration, String> {
    let deadline = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let is_whole = deadline.subsec_nanos() == 0 && (1..=3600).contains(&deadline.as_secs());
    if is_whole { Ok(deadline) } else { Err("it takes whole seconds, from 1s to 1h".to_owned()) }
}

/// Asks for an operation, waits for its end, and tells how it went.
pub(super) async fn carry_out(
    clusters: &Clusters,
    request: &Request<'_>,
    dry_run: bool,
    format: Format,
) -> Result<(), Failure> {
    let cluster = clusters.get(request.name).await?;
    let plan = Plan::make(&cluster, request)?;
    if dry_run {
        return match format {
            Format::Table => {
                output::text(&plan.text());
                Ok(())
            }
            Format::Json | Format::Yaml => output::document(&plan, format),
        };
    }
    if request.to == Some(plan.primary.as_str()) {
        output::note(&format!("{} is primary already", plan.primary));
        return Ok(());
    }
    output::note(plan.text().trim_end());
    let id = ask(clusters, request).await?;
    let deadline = Duration::from_secs(plan.deadline_seconds.into());
    let (operation, cluster) = follow(clusters, request.name, &id, deadline + SLACK).await?;
    let ha = cluster.status.and_then(|status| status.ha).unwrap_or_default();
    let missed = request.to.filter(|to| ha.primary.as_deref() != Some(to));
    let failed = operation.state == OperationState::Failed || missed.is_some();
    let message = match missed.filter(|_| operation.state == OperationState::Done) {
        // Its successor can be lost right after the hand over.
        Some(to) => format!("{to} did not stay primary: {}", operation.message),
        None => operation.message.clone(),
    };
    tell(operation, ha, plan.term, !failed, format)?;
    if !failed {
        return Ok(());
    }
    let failure =
        Failure::new(Exit::Failure, anyhow!("{message}").context(format!("the {} failed", plan.kind)));
    Err(failure.hint(whether_back(clusters, request.name, &plan.primary).await))
}

fn tell(
    operation: OperationStatus,
    ha: HaStatus,
    before: i64,
    is_done: bool,
    format: Format,
) -> Result<(), Failure> {
    let failover = ha.failover.filter(|story| story.term > before);
    if format != Format::Table {
        return output::document(&Ended { operation, primary: ha.primary, failover }, format);
    }
    if is_done {
        output::text(&format!("{} done: {}\n", operation.kind, operation.message));
    }
    if let Some(story) = failover {
        output::text(&story::tell(&story, Timestamp::now(), "  "));
    }
    Ok(())
}

/// Puts the annotation on the cluster, unless an operation is under way; returns its id.
async fn ask(clusters: &Clusters, request: &Request<'_>) -> Result<String, Failure> {
    let word = word(request.kind);
    let now = Timestamp::now().as_millisecond();
    let operation = Operation {
        id: format!("{word}-{now}-{}", std::process::id()),
        kind: request.kind,
        to: request.to.map(ToOwned::to_owned),
        deadline_seconds: request.deadline.and_then(|deadline| u32::try_from(deadline.as_secs()).ok()),
        allow_data_loss: request.allow_data_loss,
    };
    let mut tries = 0;
    loop {
        let cluster = clusters.get(request.name).await?;
        let shown = cluster.status.as_ref().and_then(|status| status.operation.as_ref());
        if let Some(shown) = shown.filter(|shown| shown.state == OperationState::Running) {
            let error = anyhow!("a {} of {} is under way: {}", shown.kind, request.name, shown.message);
            return Err(
                Failure::new(Exit::Failure, error).hint(format!("stanchion db status {}", request.name))
            );
        }
        // With the version that was looked at, so that of two people who ask at a time one is told.
        let patch = json!({"metadata": {
            "resourceVersion": cluster.metadata.resource_version,
            "annotations": {OPERATION: operation.to_text()},
        }});
        let asked = clusters.api::<DatabaseCluster>();
        match asked.patch(request.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => return Ok(operation.id),
            Err(kube::Error::Api(status)) if status.code == 409 && tries < TRIES => tries += 1,
            Err(error) => {
                return Err(refused(error, &format!("cannot ask for a {word} of {}", request.name)));
            }
        }
    }
}

/// Waits until the operation has ended; tells what it waits for.
async fn follow(
    clusters: &Clusters,
    name: &str,
    id: &str,
    within: Duration,
) -> Result<(OperationStatus, DatabaseCluster), Failure> {
    let until = Instant::now() + within;
    let mut told = String::new();
    loop {
        let looked = clusters.get(name).await;
        let state = match &looked {
            Ok(cluster) => {
                let status = cluster.status.as_ref().and_then(|status| status.operation.as_ref());
                status.filter(|operation| operation.id == id).cloned()
            }
            Err(failure) if failure.exit() == Exit::Usage => return Err(looked.expect_err("it failed")),
            Err(_) => None,
        };
        if let (Some(operation), Ok(cluster)) = (&state, &looked)
            && operation.state != OperationState::Running
        {
            return Ok((operation.clone(), cluster.clone()));
        }
        let words = match (&looked, &state) {
            (Err(failure), _) => failure.chain().join(": "),
            (Ok(_), None) => "waiting for the manager".to_owned(),
            (Ok(_), Some(operation)) => operation.message.clone(),
        };
        if words != told {
            output::note(&words);
            told = words;
        }
        if Instant::now() >= until {
            return Err(unanswered(name, state, looked.err(), within));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn unanswered(
    name: &str,
    state: Option<OperationStatus>,
    failure: Option<Failure>,
    within: Duration,
) -> Failure {
    let within = within.as_secs();
    let hint = format!("stanchion db status {name} --watch");
    match (failure, state) {
        (Some(failure), _) => failure.hint(hint),
        (None, Some(operation)) => {
            let error = anyhow!("{}", operation.message);
            let what = format!("the {} has not ended within {within} s, and goes on", operation.kind);
            Failure::new(Exit::Failure, error.context(what)).hint(hint)
        }
        (None, None) => {
            let error = anyhow!(
                "no manager of failovers has answered within {within} s; it is done as soon as one does"
            );
            let undo = format!("kubectl annotate dbc {name} {OPERATION}- takes it back");
            Failure::new(Exit::Unavailable, error).hint(undo)
        }
    }
}

/// Says whether the old primary writes again.
async fn whether_back(clusters: &Clusters, name: &str, primary: &str) -> String {
    let until = Instant::now() + BACK;
    loop {
        let ha = clusters.get(name).await.ok().and_then(|cluster| cluster.status?.ha);
        if let Some(ha) = ha.filter(HaStatus::is_serving) {
            let now = ha.primary.as_deref().unwrap_or_default();
            let writes = ha.instance(now).is_some_and(|it| it.role.as_deref() == Some("Primary"));
            if writes && now == primary {
                return format!(
                    "{primary} is primary as before and writes again; stanchion db status {name}"
                );
            }
            if writes {
                return format!("{now} is primary now and writes; stanchion db status {name}");
            }
        }
        if Instant::now() >= until {
            return format!("nobody writes at the moment; stanchion db status {name} --watch");
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn word(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Switchover => "switchover",
        OperationKind::Failover => "failover",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_whole_seconds() {
        assert_eq!(deadline("1m 30s"), Ok(Duration::from_secs(90)));
        for text in ["500ms", "0s", "2h", "soon"] {
            assert!(deadline(text).is_err(), "{text}");
        }
    }
}
