//! Why a Pod is where it is, or is nowhere: what every node says to it.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{
    Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod as ApiPod, Service,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stanchion_scheduler_core::{Pod, Preemption, Scheduler, Verdict};
use thiserror::Error;

use crate::convert::{self, ConvertError, Converted};
use crate::owners::{controller, default_spread};

/// Objects that are asked for at once.
const PAGE: u32 = 500;

/// Why a Pod is where it is, or is nowhere.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The Pod's namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// The node that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The node that is kept free for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nominated_node: Option<String>,
    /// What has to be lifted before it is scheduled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<String>,
    /// What it is told if no node will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who would have to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// What the nodes say; those that will do first, the best of them first.
    pub nodes: Vec<NodeExplanation>,
}

/// How room can be made.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// On which node.
    pub node: String,
    /// Who would go, as `namespace/name`.
    pub victims: Vec<String>,
    /// How many of them have used up their disruption budget.
    pub budget_violations: usize,
}

/// What a node says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeExplanation {
    /// The node.
    pub node: String,
    /// Whether it will do.
    pub fits: bool,
    /// The filter that refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<&'static str>,
    /// Why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// What it is worth in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// What that comes from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
}

/// One score.
#[derive(Clone, Debug, Serialize)]
pub struct Score {
    /// Who gave it.
    pub plugin: &'static str,
    /// From 0 to 100.
    #[serde(rename = "score")]
    pub value: i64,
    /// What it is multiplied by in the total.
    pub weight: i64,
}

/// Why nothing can be explained.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// The Pod cannot be read.
    #[error("cannot read the Pod {namespace}/{name}")]
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why not.
        #[source]
        source: kube::Error,
    },
    /// What is around it cannot be read.
    #[error("cannot list {kind}")]
    List {
        /// What.
        kind: String,
        /// Why not.
        #[source]
        source: kube::Error,
    },
    /// The Pod asks for something that is not understood.
    #[error("the Pod cannot be scheduled")]
    Convert(#[source] ConvertError),
}

/// Explains a Pod as of now, with an adaptive scheduler of the default profile. A Pod that has a node is looked at as if
/// it had none.
pub async fn explain(client: Client, namespace: &str, name: &str) -> Result<Explanation, ExplainError> {
    let api: Api<ApiPod> = Api::namespaced(client.clone(), namespace);
    let object = api.get(name).await.map_err(|source| ExplainError::Pod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        source,
    })?;
    let Converted { pod, error } = convert::pod(&object);
    if let Some(error) = error {
        return Err(ExplainError::Convert(error));
    }
    let pod = spread(&client, &object, pod).await?;
    let mut scheduler = load(&client).await?;
    Ok(told(&mut scheduler, &Arc::new(pod)))
}

async fn list<K>(api: Api<K>) -> Result<Vec<K>, ExplainError>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let failed = |source| ExplainError::List { kind: K::plural(&()).into_owned(), source };
    let mut params = ListParams::default().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let page = api.list(&params).await.map_err(failed)?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}

/// Adds the spreading that the Pod gets without asking.
async fn spread(client: &Client, object: &ApiPod, pod: Pod) -> Result<Pod, ExplainError> {
    if !pod.spread.constraints.is_empty() {
        return Ok(pod);
    }
    let namespace = pod.kin.namespace.as_ref();
    let services: Vec<Arc<Service>> =
        list(Api::namespaced(client.clone(), namespace)).await?.into_iter().map(Arc::new).collect();
    let owner = controller(object);
    let named = |kind: &str| owner.filter(|owner| owner.kind == kind).map(|owner| owner.name.as_str());
    let mut set = None;
    if let Some(name) = named("ReplicaSet") {
        let api: Api<ReplicaSet> = Api::namespaced(client.clone(), namespace);
        let found = api.get_opt(name).await;
        let found = found.map_err(|source| ExplainError::List { kind: "replicasets".to_owned(), source })?;
        set = found.and_then(|set| set.spec).map(|spec| spec.selector);
    } else if let Some(name) = named("StatefulSet") {
        let api: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
        let found = api.get_opt(name).await;
        let found = found.map_err(|source| ExplainError::List { kind: "statefulsets".to_owned(), source })?;
        set = found.and_then(|set| set.spec).map(|spec| spec.selector);
    }
    let spread = Arc::new(default_spread(&pod.kin, &services, set.as_ref()));
    Ok(Pod { spread, ..pod })
}

/// Reads the state of the cluster. Objects that cannot be read are left out, as the scheduler does.
async fn load(client: &Client) -> Result<Scheduler, ExplainError> {
    let mut scheduler = Scheduler::new(None);
    let cluster = &mut scheduler.cluster;
    for node in list::<Node>(Api::all(client.clone())).await? {
        cluster.set_node(convert::node(&node));
    }
    for namespace in list::<Namespace>(Api::all(client.clone())).await? {
        let name: Arc<str> = namespace.metadata.name.as_deref().unwrap_or_default().into();
        cluster.set_namespace(&name, convert::labels(namespace.metadata.labels.as_ref()));
    }
    for object in list::<StorageClass>(Api::all(client.clone())).await? {
        if let Ok(class) = convert::storage_class(&object) {
            cluster.volumes.set_class(class);
        }
    }
    for object in list::<PersistentVolume>(Api::all(client.clone())).await? {
        if let Ok(volume) = convert::volume(&object) {
            cluster.volumes.set_volume(volume);
        }
    }
    for object in list::<PersistentVolumeClaim>(Api::all(client.clone())).await? {
        if let Ok(claim) = convert::claim(&object) {
            cluster.volumes.set_claim(claim);
        }
    }
    for object in list::<PodDisruptionBudget>(Api::all(client.clone())).await? {
        if let Ok(budget) = convert::budget(&object) {
            cluster.set_budget(budget);
        }
    }
    for object in list::<ApiPod>(Api::all(client.clone())).await? {
        let phase = object.status.as_ref().and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            continue;
        }
        let pod = Arc::new(convert::pod(&object).pod);
        match (&pod.node, &pod.nominated) {
            (Some(_), _) => cluster.set_pod(&pod),
            (None, Some(node)) => cluster.nominate(&pod, node),
            (None, None) => {}
        }
    }
    Ok(scheduler)
}

/// Asks all nodes, and what would be done if none will do.
fn told(scheduler: &mut Scheduler, pod: &Arc<Pod>) -> Explanation {
    let mut explanation = Explanation {
        namespace: pod.kin.namespace.to_string(),
        pod: pod.name.to_string(),
        node: pod.node.as_ref().map(ToString::to_string),
        nominated_node: pod.nominated.as_ref().map(ToString::to_string),
        gates: pod.gates.iter().map(ToString::to_string).collect(),
        message: None,
        room: None,
        nodes: Vec::new(),
    };
    // Its own claims on the node would stand in its way.
    scheduler.cluster.remove_pod(&pod.uid);
    if let Ok(nodes) = scheduler.explain(pod) {
        explanation.nodes = nodes.nodes.iter().map(|(node, verdict)| said(node, verdict)).collect();
    }
    if let Err(diagnosis) = scheduler.schedule(pod, 0) {
        let (why, room) = match scheduler.preempt(pod, &diagnosis, 0) {
            Preemption::NotHelpful(why) => (Some(why), None),
            Preemption::NotEligible(why) => (Some(why.to_owned()), None),
            Preemption::Possible(eviction) => {
                let victims = eviction.victims.iter().map(|victim| victim.path()).collect();
                let node = eviction.node.to_string();
                (None, Some(Room { node, victims, budget_violations: eviction.violations }))
            }
        };
        explanation.message = Some(diagnosis.message(why.as_deref()));
        explanation.room = room;
    }
    explanation
}

fn said(node: &Arc<str>, verdict: &Verdict) -> NodeExplanation {
    let mut said = NodeExplanation {
        node: node.to_string(),
        fits: false,
        filter: None,
        reasons: Vec::new(),
        total: None,
        scores: Vec::new(),
    };
    match verdict {
        Verdict::Refused(refusal) => {
            said.filter = Some(refusal.filter().as_str());
            said.reasons = refusal.reasons();
        }
        Verdict::Passed { scores, total } => {
            let score = |(scorer, score): &(stanchion_scheduler_core::Scorer, i64)| Score {
                plugin: scorer.as_str(),
                value: *score,
                weight: scorer.weight(),
            };
            said.fits = true;
            said.total = Some(*total);
            said.scores = scores.iter().map(score).collect();
        }
    }
    said
}
