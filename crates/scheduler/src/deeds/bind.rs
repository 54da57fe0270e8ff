//! Binds a Pod to its node, its claims first.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod as ApiPod;
use kube::Api;
use kube::api::PostParams;
use serde::de::IgnoredAny;
use serde_json::json;
use stanchion_scheduler_core::{Pod, VolumePlan};

use super::{Context, DeedError, Outcome, volumes};
use crate::events::{Kind, Notice};

/// What is said when it fails.
pub(super) const BIND: &str = "bind the Pod to its node";

/// A decision to be carried out.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) pod: Arc<Pod>,
    pub(crate) node: Arc<str>,
    pub(crate) volumes: VolumePlan,
}

impl Binding {
    /// Binds.
    pub(crate) async fn carry_out(self, context: Arc<Context>) -> Outcome {
        match self.bind(&context).await {
            Ok(()) => Outcome::Bound(Arc::clone(&self.pod.uid)),
            Err(error) => Outcome::NotBound { pod: self.pod, error },
        }
    }

    async fn bind(&self, context: &Context) -> Result<(), DeedError> {
        let Self { pod, node, volumes } = self;
        volumes::provide(context, node, volumes).await?;
        let api: Api<ApiPod> = Api::namespaced(context.client.clone(), &pod.kin.namespace);
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": &*pod.name, "namespace": &*pod.kin.namespace, "uid": &*pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": &**node},
        });
        let params = PostParams::default();
        let request = api.create_subresource::<_, IgnoredAny>("binding", &pod.name, &params, &binding);
        context.request(BIND, request).await?;
        context.events.tell(Notice {
            regarding: Arc::clone(pod),
            kind: Kind::Normal,
            reason: "Scheduled",
            action: "Binding",
            note: format!("Successfully assigned {} to {node}", pod.path()),
        });
        Ok(())
    }
}
