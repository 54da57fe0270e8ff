//! What is measured: clusters of alike nodes in three zones, and Pods of a few kinds.

use std::sync::Arc;

use anyhow::Result;
use clap::ValueEnum;
use stanchion_machinery::selector::Labels;
use stanchion_scheduler_core::{
    Affinity, ContainerRequest, HOSTNAME, Inclusion, Kin, LabelSet, Namespaces, Node, Others, Pod,
    PreemptionPolicy, RequestParts, Resources, Scheduler, Selector, Shape, Spread, SpreadConstraint, Term,
    Unsatisfiable, ZONE,
};

use crate::args::Size;

/// Pods that repel each other come in apps, so that there is a node for each.
const REPLICAS_PER_APP: usize = 50;
const GIB: i64 = 1 << 30;

/// What the Pods ask for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// Processors and memory.
    Plain,
    /// To be spread as the Pods of a Deployment are without asking.
    DefaultSpread,
    /// To be spread over zones, strictly.
    ZoneSpread,
    /// To be on other nodes than their kind.
    AntiAffinity,
}

impl Kind {
    /// Returns its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::DefaultSpread => "default spread",
            Self::ZoneSpread => "strict zone spread",
            Self::AntiAffinity => "anti-affinity by node",
        }
    }

    /// Makes a cluster and the Pods to place.
    pub(crate) fn setting(self, size: Size) -> Result<(Scheduler, Vec<Arc<Pod>>)> {
        let mut scheduler = Scheduler::new(None);
        for number in 0..size.nodes {
            scheduler.cluster.set_node(node(number));
        }
        let pods = (0..size.pods).map(|number| self.pod(number).map(Arc::new)).collect::<Result<_>>()?;
        Ok((scheduler, pods))
    }

    fn pod(self, number: usize) -> Result<Pod> {
        let app = match self {
            Self::Plain | Self::DefaultSpread | Self::ZoneSpread => "app-0".to_owned(),
            Self::AntiAffinity => format!("app-{}", number / REPLICAS_PER_APP),
        };
        let selector = Selector::new(Labels::parse(&format!("app={app}"))?);
        let namespace: Arc<str> = "default".into();
        let mut affinity = Affinity::default();
        let mut spread = Spread::default();
        match self {
            Self::Plain => {}
            Self::DefaultSpread => spread = Spread::by_default(&selector),
            Self::ZoneSpread => spread.constraints.push(by_zone(selector)),
            Self::AntiAffinity => {
                let others = Others { namespaces: Namespaces::only(&namespace), selector };
                affinity.anti_required.push(Term { others, topology_key: HOSTNAME.into() });
            }
        }
        let name = format!("{app}-{number}");
        Ok(Pod {
            uid: name.as_str().into(),
            name: name.as_str().into(),
            kin: Kin { namespace, labels: LabelSet::new([("app", app.as_str())]), terminating: false },
            // Each Pod brings its own, as Pods from an API do.
            shape: Arc::new(shape()),
            spread: Arc::new(spread),
            affinity: Arc::new(affinity),
            claims: Vec::new(),
            priority: 0,
            preemption: PreemptionPolicy::LowerPriority,
            node: None,
            nominated: None,
            gates: Vec::new(),
            preempted: false,
            created: 0,
            started: None,
        })
    }
}

fn node(number: usize) -> Node {
    let name = format!("node-{number}");
    let zone = format!("zone-{}", number % 3);
    Node {
        name: name.as_str().into(),
        labels: LabelSet::new([(HOSTNAME, name.as_str()), (ZONE, zone.as_str())]),
        allocatable: Resources {
            milli_cpu: 32_000,
            memory: 128 * GIB,
            ephemeral: 100 * GIB,
            extended: Vec::new(),
        },
        pods: 110,
        ..Node::default()
    }
}

fn shape() -> Shape {
    let container =
        ContainerRequest { milli_cpu: Some(100), memory: Some(GIB / 2), ..ContainerRequest::default() };
    let parts = RequestParts { containers: vec![container], ..RequestParts::default() };
    Shape { request: parts.total(), images: vec!["registry.example.com/app:1".into()], ..Shape::default() }
}

fn by_zone(selector: Selector) -> SpreadConstraint {
    SpreadConstraint {
        max_skew: 1,
        topology_key: ZONE.into(),
        unsatisfiable: Unsatisfiable::DoNotSchedule,
        selector,
        min_domains: 1,
        node_affinity: Inclusion::Honor,
        node_taints: Inclusion::Ignore,
    }
}
