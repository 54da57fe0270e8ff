//! Who the members are, and what each says of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use stanchion_doctor_core::{Facts, Member, Reading, Status};
use stanchion_etcd_api::etcdserverpb::{self as pb, MemberListRequest, StatusRequest, StatusResponse};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::Endpoint;
use super::{Etcd, reading};
use crate::chain;

/// One member may take so long to answer, the connection included: less than all may, so that one that is silent does not
/// hide the others.
const ONE: Duration = Duration::from_secs(4);

impl Etcd {
    /// Reads the member list and every member's status. Members that were not named are asked at the addresses of the list.
    pub(super) async fn read_members(&self, facts: &mut Facts) -> Reading {
        let mut answers = ask_all(self.endpoints.clone()).await;
        let mut missing = Vec::new();
        let listed = match self.member_list().await {
            Ok(listed) => listed,
            Err(why) => {
                missing.push(format!("the member list: {why}"));
                Vec::new()
            }
        };
        let known = |answers: &[Answer], id: u64| answers.iter().any(|answer| answer.member() == Some(id));
        let others = listed.iter().filter(|member| !known(&answers, member.id));
        let others = others.filter_map(|member| self.endpoint_of(member, &mut missing)).collect();
        answers.extend(ask_all(others).await);
        let mut statuses = BTreeMap::new();
        for Answer { endpoint, said } in answers {
            match said {
                Ok(response) => {
                    let id = response.header.as_ref().map_or(0, |header| header.member_id);
                    statuses.entry(id).or_insert_with(|| status(endpoint.url(), response));
                }
                Err(why) => missing.push(format!("{}: {why}", endpoint.url())),
            }
        }
        let answered = statuses.len();
        facts.etcd.members = members(listed, statuses);
        reading(self.options.endpoints.join(", "), answered, missing)
    }

    async fn member_list(&self) -> Result<Vec<pb::Member>, String> {
        let mut why = String::new();
        for endpoint in &self.endpoints {
            // As the member itself knows it: a cluster without a leader has one, too.
            let request = MemberListRequest { linearizable: false };
            match timeout(ONE, endpoint.cluster().member_list(request)).await {
                Ok(Ok(response)) => return Ok(response.into_inner().members),
                Ok(Err(error)) => why = format!("{}: {}", endpoint.url(), chain(&error)),
                Err(_) => why = format!("{}: no answer for {ONE:?}", endpoint.url()),
            }
        }
        Err(why)
    }

    /// Returns how a member of the list is asked; notes why it cannot be.
    fn endpoint_of(&self, member: &pb::Member, missing: &mut Vec<String>) -> Option<Endpoint> {
        let label = if member.name.is_empty() { format!("{:x}", member.id) } else { member.name.clone() };
        let Some(url) = member.client_ur_ls.first() else {
            missing.push(format!("{label}: it has not started yet, and has no address"));
            return None;
        };
        match Endpoint::prepare(url, self.options.tls.as_ref(), self.options.connect_timeout) {
            Ok(endpoint) => Some(endpoint),
            Err(error) => {
                missing.push(format!("{label}: {}", chain(&error)));
                None
            }
        }
    }
}

/// What came of asking one endpoint.
struct Answer {
    endpoint: Endpoint,
    said: Result<StatusResponse, String>,
}

impl Answer {
    fn member(&self) -> Option<u64> {
        let header = self.said.as_ref().ok()?.header.as_ref()?;
        Some(header.member_id)
    }
}

/// Asks endpoints for their status, all at once.
async fn ask_all(endpoints: Vec<Endpoint>) -> Vec<Answer> {
    let mut asked = JoinSet::new();
    for (number, endpoint) in endpoints.into_iter().enumerate() {
        asked.spawn(async move {
            let said = match timeout(ONE, endpoint.maintenance().status(StatusRequest {})).await {
                Ok(Ok(response)) => Ok(response.into_inner()),
                Ok(Err(error)) => Err(chain(&error)),
                Err(_) => Err(format!("no answer for {ONE:?}")),
            };
            (number, Answer { endpoint, said })
        });
    }
    let mut answers = asked.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Puts the list and what its members said together. A member that answers and is on no list is one all the same.
fn members(listed: Vec<pb::Member>, mut statuses: BTreeMap<u64, Status>) -> Vec<Member> {
    let mut members: Vec<Member> = listed
        .into_iter()
        .map(|member| Member {
            id: member.id,
            name: member.name,
            is_learner: member.is_learner,
            status: statuses.remove(&member.id),
            ..Member::default()
        })
        .collect();
    members.extend(statuses.into_iter().map(|(id, status)| Member {
        id,
        status: Some(status),
        ..Member::default()
    }));
    members.sort_by(|one, other| one.name.cmp(&other.name).then(one.id.cmp(&other.id)));
    members
}

fn status(endpoint: &str, response: StatusResponse) -> Status {
    let bytes = |size: i64| u64::try_from(size).unwrap_or(0);
    let size = bytes(response.db_size);
    let header = response.header.unwrap_or_default();
    Status {
        endpoint: endpoint.to_owned(),
        version: response.version,
        cluster: header.cluster_id,
        revision: bytes(header.revision),
        size,
        // Members before 3.4 do not say it.
        in_use: if response.db_size_in_use > 0 { bytes(response.db_size_in_use) } else { size },
        quota: Some(bytes(response.db_size_quota)).filter(|quota| *quota > 0),
        leader: response.leader,
        raft_term: response.raft_term,
        raft_index: response.raft_index,
        raft_applied: response.raft_applied_index,
        errors: response.errors,
    }
}
