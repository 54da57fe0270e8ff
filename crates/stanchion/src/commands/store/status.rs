//! `stanchion store status`

use clap::Args;
use serde::Serialize;
use stanchion_etcd_api::etcdserverpb::{StatusRequest, StatusResponse};

use super::client::Connection;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, Report, Row};

/// Whose status.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// End with exit code 3 if an alarm is raised.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    endpoint: String,
    version: String,
    cluster_id: String,
    member_id: String,
    revision: i64,
    raft_term: u64,
    raft_index: u64,
    db_size: u64,
    db_size_in_use: u64,
    /// Absent where the server does not tell.
    db_size_quota: Option<u64>,
    errors: Vec<String>,
}

impl Status {
    fn of(endpoint: &str, response: StatusResponse) -> Self {
        let header = response.header.unwrap_or_default();
        let size = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
        Self {
            endpoint: endpoint.to_owned(),
            version: response.version,
            cluster_id: format!("{:x}", header.cluster_id),
            member_id: format!("{:x}", header.member_id),
            revision: header.revision,
            raft_term: response.raft_term,
            raft_index: response.raft_index,
            db_size: size(response.db_size),
            db_size_in_use: size(response.db_size_in_use),
            db_size_quota: Some(size(response.db_size_quota)).filter(|quota| *quota > 0),
            errors: response.errors,
        }
    }
}

impl Report for Status {
    fn rows(&self) -> Vec<Row> {
        let free = self.db_size.saturating_sub(self.db_size_in_use);
        let percent = (free * 100).checked_div(self.db_size).unwrap_or(0);
        let quota = match self.db_size_quota {
            Some(quota) => {
                let used = (self.db_size * 100).checked_div(quota).unwrap_or(0);
                format!("{}, {used} % used", output::bytes(quota))
            }
            None => "none, or not told".to_owned(),
        };
        vec![
            ("endpoint", self.endpoint.clone()),
            ("version", self.version.clone()),
            ("cluster", self.cluster_id.clone()),
            ("member", self.member_id.clone()),
            ("revision", self.revision.to_string()),
            ("raft term", self.raft_term.to_string()),
            ("raft index", self.raft_index.to_string()),
            ("on disk", output::bytes(self.db_size)),
            ("in use", output::bytes(self.db_size_in_use)),
            ("free", format!("{}, {percent} %", output::bytes(free))),
            ("quota", quota),
            ("alarms", if self.errors.is_empty() { "none".to_owned() } else { self.errors.join("; ") }),
        ]
    }
}

/// Shows the status.
pub(crate) async fn run(arguments: Arguments, format: Format) -> Result<(), Failure> {
    let mut client = arguments.connection.maintenance().await?;
    let response = client.status(StatusRequest {}).await?.into_inner();
    let status = Status::of(arguments.connection.endpoint(), response);
    output::report(&status, format)?;
    if arguments.check && !status.errors.is_empty() {
        let error = anyhow::anyhow!("raised: {}", status.errors.join("; "));
        return Err(Failure::new(Exit::Unhealthy, error)
            .hint("compact, `stanchion store defrag`, then `etcdctl alarm disarm`"));
    }
    Ok(())
}
