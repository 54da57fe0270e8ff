//! What is done about names.

use super::Refusal;
use super::objects::{Edit, Target};
use super::workloads::{spread, workload};
use crate::checks::dns::replicas::wanted_of;
use crate::facts::Facts;
use crate::finding::Finding;

/// With so many dots a name is asked for as it is first: names of Services in other namespaces (`db.shop`) still are not.
const DOTS: u8 = 2;

type Edits = Result<Vec<(Target, Edit)>, Refusal>;

/// Has names with dots asked for as they are first.
pub(crate) fn ndots(facts: &Facts, finding: &Finding) -> Edits {
    let (_, target) = workload(facts, &finding.subject)?;
    Ok(vec![(target, Edit::Ndots { dots: DOTS })])
}

/// Runs as many servers as the cluster's size asks for, and on different nodes.
pub(crate) fn replicas(facts: &Facts, finding: &Finding) -> Edits {
    let (workload, target) = workload(facts, &finding.subject)?;
    let wanted = i64::try_from(wanted_of(facts)).unwrap_or(i64::MAX);
    if workload.desired() < wanted {
        let rule = "one for 16 nodes or 256 processors, two where there are several nodes".to_owned();
        return Ok(vec![(target, Edit::Replicas { count: wanted, rule })]);
    }
    if workload.status.ready_replicas == 0 {
        let why =
            format!("{target} has Pods enough, and none of them is ready: see why not (`kubectl describe`)");
        return Err(Refusal::new(why));
    }
    spread(facts, finding)
}
