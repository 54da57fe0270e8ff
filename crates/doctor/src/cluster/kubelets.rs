//! How kubelets are set, as they say at `/configz`: the API server hands the question on.

use std::collections::BTreeMap;

use kube::Client;
use stanchion_doctor_core::{Configz, Kubelet, Node, Reading};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::page::{PageError, get};
use crate::chain;

/// So many of one version are asked: machines of one version are mostly set alike.
const OF_VERSION: usize = 3;
/// So many in all.
const MANY: usize = 20;
/// One may take so long.
const ONE: std::time::Duration = std::time::Duration::from_secs(8);

/// Reads the settings of some kubelets of each version.
pub(super) async fn read(
    client: &Client,
    server: &str,
    nodes: &[Node],
    kubelets: &mut Vec<Kubelet>,
) -> Reading {
    let source = format!("{server}/api/v1/nodes/…/proxy/configz");
    let chosen = choose(nodes);
    let asked_for = chosen.len();
    if asked_for == 0 {
        return Reading::Absent {
            source,
            why: "no node that is ready says where its kubelet listens".to_owned(),
        };
    }
    let mut asked = JoinSet::new();
    for (name, others) in chosen {
        let client = client.clone();
        asked.spawn(async move {
            let uri = format!("/api/v1/nodes/{name}/proxy/configz");
            let answer = timeout(ONE, get::<Configz>(&client, &uri, None)).await;
            (name, others, answer)
        });
    }
    let (mut missing, mut absent) = (Vec::new(), 0);
    for (node, others, answer) in asked.join_all().await {
        match answer {
            Ok(Ok(Configz { kubelet })) => kubelets.push(Kubelet { node, others, ..kubelet }),
            Ok(Err(error)) if error.is_absent() => absent += 1,
            Ok(Err(error)) => missing.push(why(&node, &error)),
            Err(_) => missing.push(format!("{node}: no answer for {ONE:?}")),
        }
    }
    kubelets.sort_by(|one, other| one.node.cmp(&other.node));
    if absent == asked_for {
        return Reading::Absent { source, why: "its kubelets do not tell how they are set".to_owned() };
    }
    match (kubelets.is_empty(), missing.is_empty()) {
        (_, true) => Reading::Read { source },
        (true, false) => Reading::Failed { source, why: missing.join("; ") },
        (false, false) => Reading::Partly { source, missing },
    }
}

fn why(node: &str, error: &PageError) -> String {
    format!("{node}: {}", chain(error))
}

/// Chooses who is asked: some nodes of each version that are ready, with the number of those that are not asked.
fn choose(nodes: &[Node]) -> Vec<(String, usize)> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.is_ready() && node.kubelet().is_some()) {
        versions.entry(&node.status.node_info.kubelet_version).or_default().push(&node.meta.name);
    }
    let mut chosen = Vec::new();
    for names in versions.values() {
        let asked = names.len().min(OF_VERSION);
        let others = names.len() - asked;
        chosen.extend(names.iter().take(asked).map(|name| ((*name).to_owned(), others)));
    }
    chosen.truncate(MANY);
    chosen
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::canned::{client, refusal};

    fn node(number: usize, version: &str, port: u16) -> Node {
        let node = json!({"metadata": {"name": format!("n{number:02}")}, "status": {
            "conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": version},
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}});
        serde_json::from_value(node).expect("a node")
    }

    #[test]
    fn some_of_each_version_are_asked() {
        let mut nodes: Vec<_> = (0..5).map(|number| node(number, "v1.31.0", 10250)).collect();
        nodes.push(node(5, "v1.30.0", 10250));
        nodes.push(node(6, "simulated", 0));
        let chosen = choose(&nodes);
        let expected = [("n05", 0), ("n00", 2), ("n01", 2), ("n02", 2)];
        assert_eq!(chosen, expected.map(|(name, others)| (name.to_owned(), others)));
        let many: Vec<_> = (0..90).map(|number| node(number, &format!("v1.{}", number / 3), 10250)).collect();
        assert_eq!(choose(&many).len(), MANY);
    }

    async fn read_from(answer: fn(&str) -> (u16, String)) -> (Vec<Kubelet>, Reading) {
        let nodes: Vec<_> = (0..2).map(|number| node(number, "v1.31.0", 10250)).collect();
        let mut kubelets = Vec::new();
        let reading = read(&client(answer), "https://c", &nodes, &mut kubelets).await;
        (kubelets, reading)
    }

    fn configz() -> (u16, String) {
        let config = json!({"kubeletconfig": {"rotateCertificates": true, "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 85, "serverTLSBootstrap": false, "clusterDNS": ["10.96.0.10"]}});
        (200, config.to_string())
    }

    #[tokio::test]
    async fn what_kubelets_say_and_what_they_do_not() {
        let (kubelets, reading) = read_from(|_| configz()).await;
        assert!(matches!(reading, Reading::Read { .. }) && kubelets.len() == 2, "{reading:?}");
        let kubelet = &kubelets[0];
        assert_eq!(
            (kubelet.node.as_str(), kubelet.rotate_certificates, kubelet.image_gc_high),
            ("n00", Some(true), Some(85))
        );
        let one =
            |path: &str| if path.contains("/n01/") { refusal(503, "ServiceUnavailable") } else { configz() };
        let (kubelets, reading) = read_from(one).await;
        assert!(
            matches!(&reading, Reading::Partly { missing, .. } if missing.len() == 1) && kubelets.len() == 1,
            "{reading:?}"
        );
        let (kubelets, reading) = read_from(|_| refusal(403, "Forbidden")).await;
        assert!(matches!(reading, Reading::Failed { .. }) && kubelets.is_empty(), "{reading:?}");
        let (kubelets, reading) = read_from(|_| refusal(404, "NotFound")).await;
        assert!(matches!(reading, Reading::Absent { .. }) && kubelets.is_empty(), "{reading:?}");
    }
}
