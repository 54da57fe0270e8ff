//! What is read once nodes and Pods are known.

use std::collections::BTreeSet;

use stanchion_doctor_core::{Facts, Kube, Need, Reading};
use tokio::time::timeout;

use super::{Cluster, deprecated, ingresses, kubelets, logs};

impl Cluster {
    /// Reads all of `needs` that begins with what has been read.
    pub(super) async fn read_more(&self, facts: &mut Facts, needs: &BTreeSet<Need>) {
        let now = facts.now;
        let Kube { pods, nodes, last_lines, kubelets, deprecated_apis, ingresses, ingress_classes, .. } =
            &mut facts.kube;
        let client = &self.client;
        let readings = tokio::join!(
            self.part(needs, Need::KubeIngresses, ingresses::read(client, ingresses, ingress_classes)),
            self.told(needs, Need::KubeKubelets, kubelets::read(client, &self.server, nodes, kubelets)),
            self.told(needs, Need::KubeLogs, logs::read(client, &self.server, now, pods, last_lines)),
            self.told(
                needs,
                Need::KubeDeprecatedApis,
                deprecated::read(client, &self.server, deprecated_apis)
            ),
        );
        let (ingresses, kubelets, logs, deprecated) = readings;
        for (need, reading) in [ingresses, kubelets, logs, deprecated].into_iter().flatten() {
            facts.note(need, reading);
        }
    }

    /// Reads one part that tells itself what came of it, if it is needed, within its deadline.
    async fn told(
        &self,
        needs: &BTreeSet<Need>,
        need: Need,
        read: impl Future<Output = Reading>,
    ) -> Option<(Need, Reading)> {
        if !needs.contains(&need) {
            return None;
        }
        let late = || {
            let why = format!("not done within {:?}", need.deadline());
            let source = self.server.clone();
            // A crash is found without its last words, too.
            if need == Need::KubeLogs {
                Reading::Partly { source, missing: vec![why] }
            } else {
                Reading::Failed { source, why }
            }
        };
        let reading = timeout(need.deadline(), read).await.unwrap_or_else(|_| late());
        self.progress.done(need);
        Some((need, reading))
    }
}
