//! What the status of the `DatabaseCluster`, its Secret and its Service say.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use stanchion_rehearse::{Access, Password};

use super::home::Home;

/// The `DatabaseCluster`.
#[derive(Debug)]
pub(super) struct View(Value);

impl View {
    pub(super) async fn of(home: &Home, path: &str) -> Result<Self> {
        Ok(Self(home.get(path).await?))
    }

    /// Returns the name of the Pod that writes.
    pub(super) fn primary(&self) -> Result<String> {
        Ok(self.0["status"]["ha"]["primary"].as_str().context("the status names no primary")?.to_owned())
    }

    /// Returns whether it is Ready, one writes, and all others may acknowledge.
    pub(super) fn is_whole(&self, count: usize) -> bool {
        let status = &self.0["status"];
        let conditions = status["conditions"].as_array();
        let is_ready = |one: &Value| one["type"] == "Ready" && one["status"] == "True";
        let members = status["ha"]["syncSet"].as_array().map_or(0, Vec::len);
        conditions.is_some_and(|all| all.iter().any(is_ready))
            && self.primary().is_ok()
            && status["ha"]["stage"].as_str().is_some_and(|stage| stage.eq_ignore_ascii_case("serving"))
            && members + 1 == count
    }

    /// Returns what became of an operation; nothing while it goes on.
    pub(super) fn operation(&self, id: &str) -> Result<Option<Result<(), String>>> {
        let operation = &self.0["status"]["operation"];
        if operation["id"] != id {
            return Ok(None);
        }
        match operation["state"].as_str().context("the operation has no state")? {
            "Running" => Ok(None),
            "Done" => Ok(Some(Ok(()))),
            _ => Ok(Some(Err(operation["message"].to_string()))),
        }
    }
}

/// Returns the address, the account and the password that applications use.
pub(super) async fn access(home: &Home, namespace: &str, name: &str) -> Result<Access> {
    let core = format!("/api/v1/namespaces/{namespace}");
    let service = home.get(&format!("{core}/services/{name}-primary")).await?;
    let host = service["spec"]["clusterIP"].as_str().context("the Service has no address")?;
    let port = service["spec"]["ports"][0]["port"].as_u64().context("the Service has no port")?;
    let secret = home.get(&format!("{core}/secrets/{name}-credentials")).await?;
    let field = |key: &str| {
        let value = secret["data"][key].as_str().with_context(|| format!("the Secret has no {key}"))?;
        anyhow::Ok(String::from_utf8(STANDARD.decode(value)?)?)
    };
    Ok(Access {
        host: host.to_owned(),
        port: u16::try_from(port)?,
        user: field("user")?,
        password: Password::new(field("password")?),
        database: field("database")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cluster_is_whole_when_all_others_may_acknowledge() {
        let view = |stage: &str, members: &[&str]| {
            View(json!({"status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "ha": {"primary": "a-0", "stage": stage, "syncSet": members},
            }}))
        };
        assert!(view("Serving", &["a-1", "a-2"]).is_whole(3));
        assert!(!view("Serving", &["a-1"]).is_whole(3));
        assert!(!view("Fencing", &["a-1", "a-2"]).is_whole(3));
        assert!(!View(json!({})).is_whole(3));
    }

    #[test]
    fn an_operation_is_told_by_its_id() {
        let view = |state: &str| {
            View(json!({"status": {"operation": {"id": "x", "state": state, "message": "no"}}}))
        };
        assert_eq!(view("Done").operation("y").expect("another one"), None);
        assert_eq!(view("Running").operation("x").expect("a state"), None);
        assert_eq!(view("Done").operation("x").expect("a state"), Some(Ok(())));
        assert!(matches!(view("Failed").operation("x").expect("a state"), Some(Err(_))));
    }
}
