//! What an operation would do, as far as the status tells.

use anyhow::anyhow;
use serde::Serialize;
use stanchion_api::{DatabaseCluster, HaStatus, OperationKind, validate};

use super::{Request, word};
use crate::commands::db::text::milliseconds;
use crate::error::Failure;
use crate::exit::Exit;

/// What an operation would do.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    /// switchover or failover.
    pub(super) kind: &'static str,
    /// Who writes.
    pub(super) primary: String,
    /// The term before.
    pub(super) term: i64,
    /// Who is to write, if somebody was named.
    pub(super) to: Option<String>,
    /// How long it may take.
    pub(super) deadline_seconds: u32,
    /// Whether acknowledged writes may be lost, if it must be.
    pub(super) allow_data_loss: bool,
    /// Whether the manager would promote somebody at once without losing anything, and why, or why not.
    pub(super) could: bool,
    pub(super) why: String,
    /// Those who could take over, with what speaks against them.
    candidates: Vec<Candidate>,
}

/// Somebody who could take over.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    name: String,
    received: Option<String>,
    lag_milliseconds: Option<i64>,
    in_sync_set: bool,
    trouble: Option<String>,
}

impl Plan {
    /// Says what would be done, or why it cannot be asked for.
    pub(super) fn make(cluster: &DatabaseCluster, request: &Request<'_>) -> Result<Self, Failure> {
        let valid = validate(cluster).map_err(|invalid| Failure::new(Exit::Unhealthy, invalid))?;
        let name = request.name;
        if let Some(to) = request.to
            && !valid.members.iter().any(|(member, _)| member.as_str() == to)
        {
            let members: Vec<&str> = valid.members.iter().map(|(member, _)| member.as_str()).collect();
            let error = anyhow!("{to} is no instance of {name}: those are {}", members.join(", "));
            return Err(Failure::new(Exit::Usage, error));
        }
        let Some(ha) = cluster.status.as_ref().and_then(|status| status.ha.as_ref()) else {
            return Err(Failure::new(
                Exit::Unavailable,
                anyhow!("no manager of failovers has looked at {name} yet"),
            )
            .hint("`stanchion ha` is the manager; `stanchion up` runs one"));
        };
        let Some(primary) = ha.primary.clone() else {
            let why = ha.readiness.as_ref().map(|readiness| readiness.why.clone()).unwrap_or_default();
            let error = anyhow!("{name} has no primary at the moment ({}): {why}", ha.stage);
            return Err(
                Failure::new(Exit::Unhealthy, error).hint(format!("stanchion db status {name} --watch"))
            );
        };
        let readiness = ha.readiness.clone().unwrap_or_default();
        let deadline = request.deadline.unwrap_or(valid.failover.switchover_deadline);
        Ok(Self {
            kind: word(request.kind),
            candidates: candidates(ha, &primary),
            primary,
            term: ha.term,
            to: request.to.map(ToOwned::to_owned),
            deadline_seconds: u32::try_from(deadline.as_secs()).unwrap_or(u32::MAX),
            allow_data_loss: request.allow_data_loss,
            could: readiness.could,
            why: readiness.why,
        })
    }

    /// Tells it.
    pub(super) fn text(&self) -> String {
        let Self { primary, to, deadline_seconds, .. } = self;
        let successor = to.clone().unwrap_or_else(|| "the instance that has most".to_owned());
        let mut lines = Vec::new();
        if self.kind == word(OperationKind::Switchover) {
            lines.push(format!(
                "{primary} stops writing and hands over to {successor}, which goes on where it stopped; nothing is lost."
            ));
            lines.push(format!(
                "After {deadline_seconds} s without success it is given up, and {primary} writes again."
            ));
        } else {
            lines.push(format!(
                "{primary} is given up: nobody accepts its writes any more, and its database is ended. {successor} is \
                 promoted once all who may have acknowledged writes have said what they hold."
            ));
            lines.push(if self.allow_data_loss {
                format!(
                    "Within {deadline_seconds} s it may go on without those who cannot be asked: ACKNOWLEDGED WRITES MAY BE LOST."
                )
            } else {
                "It waits for those who cannot be asked; no acknowledged write is lost.".to_owned()
            });
            lines.push(format!("Now: {}.", self.why));
        }
        lines.extend(self.candidates.iter().map(Candidate::text));
        lines.join("\n") + "\n"
    }
}

fn candidates(ha: &HaStatus, primary: &str) -> Vec<Candidate> {
    let others = ha.instances.iter().filter(|instance| instance.name != primary);
    others
        .map(|instance| Candidate {
            name: instance.name.clone(),
            received: instance.position.clone(),
            lag_milliseconds: instance.lag_milliseconds,
            in_sync_set: ha.sync_set.contains(&instance.name),
            trouble: instance.trouble.clone(),
        })
        .collect()
}

impl Candidate {
    fn text(&self) -> String {
        let mut words = vec![
            format!("received {}", self.received.as_deref().unwrap_or("nothing")),
            self.lag_milliseconds
                .map_or_else(|| "lag unknown".to_owned(), |lag| format!("{} to apply", milliseconds(lag))),
            if self.in_sync_set { "in the sync set" } else { "not in the sync set" }.to_owned(),
        ];
        words.extend(self.trouble.clone());
        format!("  {}: {}", self.name, words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cluster() -> DatabaseCluster {
        let object = json!({
            "apiVersion": "stanchion.dev/v1alpha1", "kind": "DatabaseCluster",
            "metadata": {"name": "orders", "namespace": "shop"},
            "spec": {"instances": 2, "storage": {"size": "1Gi"}, "failover": {"switchoverDeadline": "20s"}},
            "status": {"ha": {
                "primary": "orders-0", "term": 3, "stage": "Serving", "syncSet": ["orders-1"],
                "instances": [{"name": "orders-0"}, {"name": "orders-1", "position": "0-1003-5", "lagMilliseconds": 4}],
                "readiness": {"could": true, "why": "everybody can be asked", "candidate": "orders-1"},
            }},
        });
        serde_json::from_value(object).expect("a cluster")
    }

    fn request(kind: OperationKind, to: Option<&'static str>) -> Request<'static> {
        Request { name: "orders", kind, to, deadline: None, allow_data_loss: true }
    }

    #[test]
    fn a_plan_says_what_is_done_and_until_when() {
        let switchover = Plan::make(&cluster(), &request(OperationKind::Switchover, Some("orders-1")));
        let expected = "\
orders-0 stops writing and hands over to orders-1, which goes on where it stopped; nothing is lost.
After 20 s without success it is given up, and orders-0 writes again.
  orders-1: received 0-1003-5, 4 ms to apply, in the sync set
";
        assert_eq!(switchover.expect("a plan").text(), expected);
        let failover =
            Plan::make(&cluster(), &request(OperationKind::Failover, None)).expect("a plan").text();
        assert!(
            failover.contains("WRITES MAY BE LOST") && failover.contains("everybody can be asked"),
            "{failover}"
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let other = Plan::make(&cluster(), &request(OperationKind::Switchover, Some("orders-2")));
        let other = other.expect_err("there is none");
        assert_eq!(other.exit(), Exit::Usage);
        assert_eq!(other.chain(), ["orders-2 is no instance of orders: those are orders-0, orders-1"]);
        let mut cluster = cluster();
        cluster.status.as_mut().expect("a status").ha.as_mut().expect("a manager").primary = None;
        let nobody =
            Plan::make(&cluster, &request(OperationKind::Failover, None)).expect_err("nobody writes");
        assert_eq!(nobody.exit(), Exit::Unhealthy);
    }
}
