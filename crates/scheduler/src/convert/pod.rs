//! Pods.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    Container, Pod as ApiPod, PodSpec, ResourceRequirements, Toleration as ApiToleration,
};
use stanchion_scheduler_core::{
    Affinity, ContainerRequest, HostPort, Kin, NodeRequirement, Pod, PreemptionPolicy, PreferredNodes,
    RequestParts, Shape, Spread, Tolerated, Toleration,
};

use super::node::{effect, node_term, node_terms};
use super::relation::{affinity, spread};
use super::{ConvertError, labels, milliseconds, resources};

/// A Pod, as far as it could be read.
#[derive(Debug)]
pub(crate) struct Converted {
    /// The Pod; of what could not be read nothing is in it.
    pub(crate) pod: Pod,
    /// What could not be read. A Pod that runs already counts anyway, another one is not scheduled.
    pub(crate) error: Option<ConvertError>,
}

/// Converts a Pod.
pub(crate) fn pod(pod: &ApiPod) -> Converted {
    let mut error = None;
    let mut keep = |problem: ConvertError| {
        error.get_or_insert(problem);
    };
    let meta = &pod.metadata;
    let text = |text: &Option<String>| -> Arc<str> { text.as_deref().unwrap_or_default().into() };
    let kin = Kin {
        namespace: text(&meta.namespace),
        labels: labels(meta.labels.as_ref()),
        terminating: meta.deletion_timestamp.is_some(),
    };
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let status = pod.status.as_ref();
    let gates = spec.scheduling_gates.iter().flatten().map(|gate| gate.name.as_str().into());
    if let Err(problem) = supported(spec) {
        keep(problem);
    }
    let converted = Pod {
        uid: text(&meta.uid),
        name: text(&meta.name),
        shape: Arc::new(shape(spec, &mut keep)),
        spread: Arc::new(spread(spec, &kin).unwrap_or_else(|problem| {
            keep(problem);
            Spread::default()
        })),
        affinity: Arc::new(affinity(spec, &kin).unwrap_or_else(|problem| {
            keep(problem);
            Affinity::default()
        })),
        claims: claims(pod, spec),
        kin,
        priority: spec.priority.unwrap_or(0),
        preemption: match spec.preemption_policy.as_deref() {
            Some("Never") => PreemptionPolicy::Never,
            Some(_) | None => PreemptionPolicy::LowerPriority,
        },
        node: filled(spec.node_name.as_ref()),
        nominated: filled(status.and_then(|status| status.nominated_node_name.as_ref())),
        gates: gates.collect(),
        preempted: is_preempted(pod),
        created: meta.creation_timestamp.as_ref().map_or(0, milliseconds),
        started: status.and_then(|status| status.start_time.as_ref()).map(milliseconds),
    };
    Converted { pod: converted, error }
}

fn filled(text: Option<&String>) -> Option<Arc<str>> {
    text.filter(|text| !text.is_empty()).map(|text| text.as_str().into())
}

/// Refuses what would be ignored.
fn supported(spec: &PodSpec) -> Result<(), ConvertError> {
    if spec.resource_claims.as_ref().is_some_and(|claims| !claims.is_empty()) {
        return Err(ConvertError::Unsupported { field: "spec.resourceClaims" });
    }
    if spec.scheduling_group.is_some() {
        return Err(ConvertError::Unsupported { field: "spec.schedulingGroup" });
    }
    Ok(())
}

fn is_preempted(pod: &ApiPod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| {
        condition.type_ == "DisruptionTarget"
            && condition.status == "True"
            && condition.reason.as_deref() == Some("PreemptionByScheduler")
    })
}

/// Returns the claims that a Pod uses; that of an ephemeral volume has the names of both.
fn claims(pod: &ApiPod, spec: &PodSpec) -> Vec<Arc<str>> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let claims = spec.volumes.iter().flatten().filter_map(|volume| {
        if let Some(claim) = &volume.persistent_volume_claim {
            return Some(claim.claim_name.as_str().into());
        }
        volume.ephemeral.as_ref().map(|_| format!("{name}-{}", volume.name).into())
    });
    let mut claims: Vec<Arc<str>> = claims.collect();
    claims.sort_unstable();
    claims.dedup();
    claims
}

fn shape(spec: &PodSpec, keep: &mut impl FnMut(ConvertError)) -> Shape {
    let mut or_none = |result: Result<Shape, ConvertError>| {
        result.unwrap_or_else(|problem| {
            keep(problem);
            Shape::default()
        })
    };
    let request = request(spec).map(|request| Shape { request: request.total(), ..Shape::default() });
    let counted = or_none(request);
    let wishes = or_none(node_wishes(spec));
    let containers = || spec.containers.iter().chain(spec.init_containers.iter().flatten());
    Shape {
        request: counted.request,
        ports: containers().flat_map(|container| host_ports(spec, container)).collect(),
        images: containers().filter_map(|container| container.image.as_deref()).map(image).collect(),
        ..wishes
    }
}

/// Returns an image's name with its tag, as nodes report it.
fn image(name: &str) -> Arc<str> {
    let tagged = name.rfind(':').is_some_and(|colon| name.rfind('/').is_none_or(|slash| slash < colon));
    if tagged { name.into() } else { format!("{name}:latest").into() }
}

fn node_wishes(spec: &PodSpec) -> Result<Shape, ConvertError> {
    let selector = spec.node_selector.iter().flatten();
    let mut nodes = NodeRequirement {
        labels: selector.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
        terms: None,
    };
    let mut preferred = Vec::new();
    if let Some(affinity) = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref()) {
        if let Some(required) = &affinity.required_during_scheduling_ignored_during_execution {
            nodes.terms = Some(node_terms(&required.node_selector_terms, "the required node affinity")?);
        }
        for wish in affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten() {
            let term = node_term(&wish.preference, "the preferred node affinity")?;
            preferred.push(PreferredNodes { weight: wish.weight, term });
        }
    }
    let tolerations = spec.tolerations.iter().flatten().map(toleration).collect::<Result<_, _>>()?;
    Ok(Shape { nodes, preferred, tolerations, ..Shape::default() })
}

fn toleration(toleration: &ApiToleration) -> Result<Toleration, ConvertError> {
    let values = match toleration.operator.as_deref() {
        Some("Exists") => Tolerated::Exists,
        Some("Equal" | "") | None => Tolerated::Equal(toleration.value.as_deref().unwrap_or_default().into()),
        Some(other) => {
            let field = "operator of a toleration";
            return Err(ConvertError::Word { field, value: other.to_owned() });
        }
    };
    let named = filled(toleration.effect.as_ref());
    let effect = named.map(|word| effect(&word)).transpose()?;
    Ok(Toleration { key: filled(toleration.key.as_ref()), values, effect })
}

fn host_ports(spec: &PodSpec, container: &Container) -> Vec<HostPort> {
    // Of an init container only one that goes on running keeps its ports.
    let init = spec.init_containers.iter().flatten().any(|init| std::ptr::eq(init, container));
    if init && !is_sidecar(container) {
        return Vec::new();
    }
    let host_network = spec.host_network.unwrap_or(false);
    let ports = container.ports.iter().flatten().filter_map(|port| {
        let number = port.host_port.or(host_network.then_some(port.container_port))?;
        let ip = port.host_ip.as_deref().filter(|ip| !matches!(*ip, "" | "0.0.0.0"));
        let protocol = port.protocol.as_deref().unwrap_or("TCP").into();
        (number > 0).then(|| HostPort { ip: ip.map(Into::into), protocol, port: number })
    });
    ports.collect()
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn request(spec: &PodSpec) -> Result<RequestParts, ConvertError> {
    let containers = spec.containers.iter().map(|one| container_request(one.resources.as_ref(), false));
    let init = spec.init_containers.iter().flatten();
    let init = init.map(|one| container_request(one.resources.as_ref(), is_sidecar(one)));
    let pod = spec.resources.as_ref().map(|resources| container_request(Some(resources), false));
    Ok(RequestParts {
        containers: containers.collect::<Result<_, _>>()?,
        init_containers: init.collect::<Result<_, _>>()?,
        pod: pod.transpose()?,
        overhead: resources(spec.overhead.as_ref())?.0,
    })
}

fn container_request(
    requirements: Option<&ResourceRequirements>,
    sidecar: bool,
) -> Result<ContainerRequest, ConvertError> {
    let requests = requirements.and_then(|requirements| requirements.requests.as_ref());
    let (others, _) = resources(requests)?;
    let said = |name: &str| requests.is_some_and(|requests| requests.contains_key(name));
    Ok(ContainerRequest {
        milli_cpu: said("cpu").then_some(others.milli_cpu),
        memory: said("memory").then_some(others.memory),
        others,
        sidecar,
    })
}
