//! Services that lead nowhere.

mod selects;

use std::collections::BTreeMap;

use crate::check::{Check, Group};
use crate::checks::age::{shown, since};
use crate::checks::source;
use crate::facts::Facts;
use crate::facts::kube::labels::Selector;
use crate::facts::kube::meta::Meta;
use crate::facts::kube::pod::Pod;
use crate::facts::kube::pods::PodGroup;
use crate::facts::kube::service::{Service, ServicePort};
use crate::facts::kube::template::Port;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use selects::{Nothing, why_nothing};

/// What is made together needs some time until it fits together, and Pods some time to become ready.
const YOUNG: i64 = 60;

pub(crate) const CHECK: Check = Check {
    id: "services/no-endpoints",
    group: Group::Services,
    severity: Severity::Critical,
    title: "a Service leads nowhere",
    meaning: "Whoever connects to a Service without a ready endpoint is refused, or waits. Its Pods are not ready, or its selector \
              means none, or it leads to a port by a name that they do not have.",
    basis: &[
        "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/",
        "https://kubernetes.io/docs/concepts/services-networking/service/",
    ],
    needs: &[Need::KubeServer, Need::KubeServices, Need::KubePods, Need::KubeWorkloads, Need::KubeJobs],
    fix: None,
    run,
};

/// How many endpoints of each Service are to be used, by namespace and name.
type Endpoints<'a> = BTreeMap<(&'a str, &'a str), usize>;

fn run(facts: &Facts, findings: &mut Findings) {
    let ready = endpoints(facts);
    for service in &facts.kube.services {
        // Where a Service without a selector leads somebody else says; and names elsewhere are looked up, not chosen.
        if service.spec.selector.is_empty() || service.spec.kind == "ExternalName" || service.meta.is_going()
        {
            continue;
        }
        let goes = facts.kube.namespace(service.meta.namespace()).is_some_and(Meta::is_going);
        if goes || since(facts.now, service.meta.created).is_some_and(|age| age < YOUNG) {
            continue;
        }
        judge(facts, service, &ready, findings);
    }
}

fn judge(facts: &Facts, service: &Service, ready: &Endpoints<'_>, findings: &mut Findings) {
    let Some(selector) = Selector::of_labels(&service.spec.selector) else {
        return;
    };
    let groups: Vec<_> = facts.kube.pods.selected(service.meta.namespace(), &selector).collect();
    let pods: Vec<&Pod> = groups.iter().flat_map(|group| facts.kube.pods.members(group)).collect();
    let live: Vec<&Pod> = pods.iter().copied().filter(|pod| pod.is_live()).collect();
    if live.is_empty() {
        // Pods that ended are those of Jobs, and come and go.
        if pods.is_empty() {
            nothing(facts, service, findings);
        }
        return;
    }
    no_port(facts, service, &groups, findings);
    let ready = ready.get(&(service.meta.namespace(), service.meta.name.as_str()));
    if ready.is_none_or(|ready| *ready == 0) {
        nobody(facts, service, &live, findings);
    }
}

/// Returns how many endpoints of each Service are to be used, by namespace and name.
fn endpoints(facts: &Facts) -> Endpoints<'_> {
    let mut ready = Endpoints::new();
    for slice in &facts.kube.slices {
        if let Some(service) = slice.service() {
            *ready.entry((slice.meta.namespace(), service)).or_default() += slice.ready();
        }
    }
    ready
}

fn nothing(facts: &Facts, service: &Service, findings: &mut Findings) {
    let subject = service.meta.subject("Service");
    let mut evidence = vec![selector_of(facts, service)];
    let (severity, summary, advice) = match why_nothing(facts, service) {
        Nothing::OnPurpose => return,
        // Its Pods are on their way.
        Nothing::NotMade(workload)
            if since(facts.now, workload.meta.created).is_some_and(|age| age < YOUNG) =>
        {
            return;
        }
        Nothing::NobodyHasRole(role) => (
            Severity::Critical,
            format!("no Pod has the role that it leads to: {role}"),
            "see why none of its Pods is given this role: whoever fails over may have stopped, or may not be able to agree",
        ),
        Nothing::NotMade(workload) => {
            evidence.push(Evidence::new(
                "Pods that should be there",
                workload.desired(),
                source::of(facts, &workload.subject()),
            ));
            (
                Severity::Critical,
                format!(
                    "the Pods that it leads to are not there, though {} asks for them",
                    workload.subject()
                ),
                "`kubectl describe` of this workload and its newest ReplicaSet says why: a quota, a webhook, an account that is not there",
            )
        }
        Nothing::Matches => (
            Severity::Warning,
            "its selector means no Pod".to_owned(),
            "compare its selector with the labels of the Pods that it is to lead to; if there are none any more, delete it",
        ),
    };
    findings.add(severity, subject, summary, advice, evidence);
}

fn selector_of(facts: &Facts, service: &Service) -> Evidence {
    let each = service.spec.selector.iter().map(|(key, value)| format!("{key}={value}"));
    let text = each.collect::<Vec<_>>().join(",");
    Evidence::new("selector", text, source::of(facts, &service.meta.subject("Service")))
}

/// Says that none of the Pods of a Service is an endpoint.
fn nobody(facts: &Facts, service: &Service, live: &[&Pod], findings: &mut Findings) {
    let subject = service.meta.subject("Service");
    let state = |pod: &&Pod| since(facts.now, pod.ready_since.or(pod.created)).unwrap_or(i64::MAX);
    // The one that has been as it is for the shortest time: all have been so since then.
    let Some(for_seconds) = live.iter().map(state).min().filter(|age| *age >= YOUNG) else { return };
    let ready = live.iter().filter(|pod| pod.is_ready).count();
    let source = source::of(facts, &subject);
    let evidence = vec![
        selector_of(facts, service),
        Evidence::new("Pods", live.len(), &facts.kube.server),
        Evidence::new("ready among them", ready, &facts.kube.server),
        Evidence::new("ready endpoints", 0, source),
        Evidence::new("for", shown(for_seconds), &facts.kube.server),
    ];
    if ready == 0 {
        let advice =
            "see why its Pods are not ready: `kubectl describe pod` shows what their readiness probes say";
        findings.add(Severity::Critical, subject, "none of its Pods is ready", advice, evidence);
    } else {
        let advice = "its Pods are ready, so look at the controller manager, which writes EndpointSlices, and at finalizers and quotas \
                      that may hold it up";
        findings.add(
            Severity::Critical,
            subject,
            "its Pods are ready and it has no endpoints",
            advice,
            evidence,
        );
    }
}

/// Says which ports lead to a name that no container has. Without an address of its own a Service has only names, and whoever
/// uses those knows the port.
fn no_port(facts: &Facts, service: &Service, groups: &[&PodGroup], findings: &mut Findings) {
    if service.spec.cluster_ip == "None" {
        return;
    }
    let leads = |port: &ServicePort| groups.iter().any(|group| has_port(group, port));
    let severity = if service.spec.ports.iter().any(leads) { Severity::Warning } else { Severity::Critical };
    for port in service.spec.ports.iter().filter(|port| !leads(port)) {
        let Some(Port::Name(name)) = &port.target_port else { continue };
        let subject = service.meta.subject("Service");
        let evidence = vec![
            Evidence::new("targetPort", name, source::of(facts, &subject)),
            Evidence::new("Pods", "no container names a port so", &facts.kube.server),
        ];
        let summary =
            format!("its port {} leads to a port by the name {name}, which none of its Pods has", port.port);
        let advice = "name the port in the Pods' template so, or lead to its number";
        findings.add(severity, subject, summary, advice, evidence);
    }
}

/// Returns whether Pods have the port that one of a Service leads to; a number need not be named by anybody.
fn has_port(group: &PodGroup, port: &ServicePort) -> bool {
    let Some(Port::Name(name)) = &port.target_port else { return true };
    let mut ports = group.template.running().flat_map(|container| &container.ports);
    ports.any(|own| own.name == *name && protocol(&own.protocol) == protocol(&port.protocol))
}

/// Returns the protocol of a port that may say nothing.
fn protocol(said: &str) -> &str {
    if said.is_empty() { "TCP" } else { said }
}
