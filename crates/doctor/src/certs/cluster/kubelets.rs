//! What kubelets show.

use std::time::Duration;

use stanchion_doctor_core::Node;

use super::Look;
use crate::certs::handshake::{Server, look_at};
use crate::cluster::Cluster;
use crate::cluster::page::list;

/// So many kubelets are asked what they show.
const MANY: usize = 200;

/// Shakes hands with kubelets. The API server reaches them by address and does not compare names, so neither is done here.
pub(super) async fn read(look: &mut Look, cluster: &Cluster, patience: Duration) {
    const PATH: &str = "/api/v1/nodes";
    let (client, mut all) = (cluster.client(), Vec::new());
    let read = list(&client, PATH, "", None, |node: Node| {
        let at = node.kubelet().map(|(host, port)| Server { host: host.to_owned(), port, name: None });
        all.extend(at.filter(|_| node.is_ready()).map(|at| (node.meta.subject("Node"), at)));
    });
    let read = read.await;
    look.note(PATH, read);
    if all.len() > MANY {
        look.missing.push(format!("only {MANY} of {} kubelets are asked for their certificates", all.len()));
        all.truncate(MANY);
    }
    let looks = look_at(all.iter().map(|(_, at)| at.clone()).collect(), patience).await;
    let mut failed = Vec::new();
    for ((node, at), shown) in all.into_iter().zip(looks) {
        match shown {
            Ok(shown) => look.found.extend(shown.into_iter().take(1).map(|mut parsed| {
                parsed.facts.lacks_name = None;
                parsed.facts.object = Some(node.clone());
                parsed
            })),
            Err(why) => failed.push(format!("{node} at {at}: {why}")),
        }
    }
    look.tell(failed, |more| format!("{more} more kubelets show no certificate"));
}
