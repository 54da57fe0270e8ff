//! Requests and limits of containers and Pods, as numbers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource;
use stanchion_machinery::quantity::Quantity;

/// A list of quantities by resource, as objects have it.
pub type List = BTreeMap<String, resource::Quantity>;

/// What a node counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Amount {
    /// Processors, in thousandths.
    Cpu,
    /// Memory, in bytes.
    Memory,
    /// Local disk space for logs, writable layers and emptyDir volumes, in bytes.
    EphemeralStorage,
}

const ALL: [Amount; 3] = [Amount::Cpu, Amount::Memory, Amount::EphemeralStorage];

impl Amount {
    /// Returns the name of the resource.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::EphemeralStorage => "ephemeral-storage",
        }
    }

    /// Returns a quantity in the unit of the resource.
    pub fn units(self, quantity: Quantity) -> i64 {
        match self {
            Self::Cpu => quantity.milli_value(),
            Self::Memory | Self::EphemeralStorage => quantity.value(),
        }
    }
}

/// Reads a quantity of an object; what cannot be read counts as absent, the API refuses it beforehand.
pub fn quantity(list: Option<&List>, name: &str) -> Option<Quantity> {
    Quantity::parse(&list?.get(name)?.0).ok()
}

/// Writes an amount as messages show it: one of bytes with a power of two, in whole Ki.
pub(crate) fn shown(number: i64, resource: &str) -> String {
    let amount = Quantity::new(number);
    if !matches!(resource, "memory" | "ephemeral-storage") || number < 1024 {
        return amount.to_string();
    }
    Quantity::parse(&format!("{}Ki", number / 1024)).unwrap_or(amount).to_string()
}

/// Requests and limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    requests: BTreeMap<Amount, i64>,
    limits: BTreeMap<Amount, i64>,
}

impl Resources {
    /// Reads those of a container, or those that a Pod states for the whole.
    pub fn of(requirements: Option<&ResourceRequirements>) -> Self {
        let read = |list: Option<&List>| {
            let of = |amount: Amount| Some((amount, amount.units(quantity(list, amount.name())?)));
            ALL.into_iter().filter_map(of).collect()
        };
        requirements.map_or_else(Self::default, |requirements| Self {
            requests: read(requirements.requests.as_ref()),
            limits: read(requirements.limits.as_ref()),
        })
    }

    /// Returns those of a container in which a request that is missing is the limit.
    pub fn effective(container: &Container) -> Self {
        let mut own = Self::of(container.resources.as_ref());
        for (amount, limit) in &own.limits {
            own.requests.entry(*amount).or_insert(*limit);
        }
        own
    }

    /// Computes those of a Pod: the larger of the sum over what runs for long and of what initialization needs,
    /// and what the Pod states for the whole in place of both. A limit that some container lacks is none.
    pub fn of_pod(spec: &PodSpec) -> Self {
        let mut total = Self::default();
        for amount in ALL {
            let request = peak(spec, |own| Some(own.request(amount).unwrap_or(0)));
            total.requests.extend(request.filter(|request| *request > 0).map(|request| (amount, request)));
            let limit = peak(spec, |own| own.limit(amount));
            total.limits.extend(limit.map(|limit| (amount, limit)));
        }
        let whole = Self::of(spec.resources.as_ref());
        total.requests.extend(whole.requests);
        for (amount, limit) in whole.limits {
            total.limits.insert(amount, limit);
            total.requests.entry(amount).or_insert(limit);
        }
        for amount in ALL {
            let overhead = quantity(spec.overhead.as_ref(), amount.name()).map_or(0, |q| amount.units(q));
            for list in [&mut total.requests, &mut total.limits] {
                if let Some(value) = list.get_mut(&amount) {
                    *value = value.saturating_add(overhead);
                }
            }
        }
        total
    }

    /// Returns a request.
    pub fn request(&self, amount: Amount) -> Option<i64> {
        self.requests.get(&amount).copied()
    }

    /// Returns a limit.
    pub fn limit(&self, amount: Amount) -> Option<i64> {
        self.limits.get(&amount).copied()
    }
}

/// The most that is needed at a time: sidecars add up from their start on, other init containers run one by one.
fn peak(spec: &PodSpec, of: impl Fn(&Resources) -> Option<i64>) -> Option<i64> {
    let (mut sidecars, mut peak) = (0_i64, 0_i64);
    for init in spec.init_containers.iter().flatten() {
        let own = of(&Resources::effective(init))?;
        if init.restart_policy.as_deref() == Some("Always") {
            sidecars = sidecars.saturating_add(own);
            peak = peak.max(sidecars);
        } else {
            peak = peak.max(sidecars.saturating_add(own));
        }
    }
    let mut main = sidecars;
    for container in &spec.containers {
        main = main.saturating_add(of(&Resources::effective(container))?);
    }
    Some(peak.max(main))
}
