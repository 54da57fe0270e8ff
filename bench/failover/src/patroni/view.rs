//! What Patroni says of its cluster.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::http;

/// What Patroni says of its cluster.
#[derive(Debug, Deserialize)]
pub(super) struct View {
    members: Vec<Member>,
}

#[derive(Debug, Deserialize)]
struct Member {
    name: String,
    role: String,
    state: String,
    timeline: Option<u64>,
    /// Bytes, or "unknown"; the leader has none.
    lag: Option<Value>,
}

impl View {
    pub(super) async fn of(rest: SocketAddr) -> Result<Self> {
        let document = http::get(rest, "/cluster").await?;
        serde_json::from_value(document).context("Patroni's answer has another format")
    }

    pub(super) fn leader(&self) -> Option<String> {
        self.named("leader")
    }

    pub(super) fn synchronous(&self) -> Option<String> {
        self.named("sync_standby")
    }

    fn named(&self, role: &str) -> Option<String> {
        self.members.iter().find(|member| member.role == role).map(|member| member.name.clone())
    }

    /// Returns whether one leads, one is synchronous, and all run on one timeline.
    pub(super) fn is_whole(&self, count: usize) -> bool {
        let runs = |member: &Member| {
            let follows = member.role == "leader" || member.lag.as_ref().is_some_and(Value::is_number);
            matches!(member.state.as_str(), "running" | "streaming") && follows
        };
        let timeline = self.members.first().and_then(|member| member.timeline);
        self.members.len() == count
            && self.leader().is_some()
            && self.synchronous().is_some()
            && timeline.is_some()
            && self.members.iter().all(|member| runs(member) && member.timeline == timeline)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(second: &Value) -> View {
        let first = json!({"name": "a", "role": "leader", "state": "running", "timeline": 2});
        serde_json::from_value(json!({"members": [first, second], "scope": "bench"})).expect("a view")
    }

    #[test]
    fn a_cluster_is_whole_when_all_follow() {
        let good = json!({"name": "b", "role": "sync_standby", "state": "running", "timeline": 2, "lag": 0});
        assert!(view(&good).is_whole(2));
        assert!(!view(&good).is_whole(3));
        let bad = [
            ("role", json!("replica")),
            ("state", json!("stopped")),
            ("lag", json!("unknown")),
            ("timeline", json!(1)),
        ];
        for (key, value) in bad {
            let mut member = good.clone();
            member[key] = value;
            assert!(!view(&member).is_whole(2), "{member}");
        }
    }
}
