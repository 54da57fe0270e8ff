//! What of a machine Pods may use.

use std::collections::BTreeMap;

use stanchion_machinery::quantity::Quantity;

/// Amounts by resource.
pub type Amounts = BTreeMap<String, Quantity>;

/// So many Pods fit on a node unless it is set otherwise.
pub const MAX_PODS: i64 = 110;

/// What is kept back from Pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// For the node's own processes.
    pub kube: Amounts,
    /// For the rest of the machine.
    pub system: Amounts,
    /// What has to stay free, or Pods are evicted at once: memory and ephemeral storage.
    pub eviction: Amounts,
}

/// Computes what Pods may use: the capacity without what is reserved, never less than nothing.
pub fn allocatable(capacity: &Amounts, reserved: &Reserved) -> Amounts {
    let Reserved { kube, system, eviction } = reserved;
    let rest = capacity.iter().map(|(name, whole)| {
        let kept = [kube, system, eviction].into_iter().filter_map(|amounts| amounts.get(name));
        let left = kept.fold(*whole, |left, kept| left - *kept);
        (name.clone(), if left.is_negative() { Quantity::ZERO } else { left })
    });
    rest.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts<const N: usize>(pairs: [(&str, &str); N]) -> Amounts {
        let read = |text| Quantity::parse(text).expect("a quantity");
        pairs.into_iter().map(|(name, text)| (name.to_owned(), read(text))).collect()
    }

    #[test]
    fn reserved_amounts_are_taken_off() {
        let capacity =
            amounts([("cpu", "4"), ("memory", "8Gi"), ("ephemeral-storage", "100Gi"), ("pods", "110")]);
        let reserved = Reserved {
            kube: amounts([("cpu", "100m"), ("memory", "512Mi")]),
            system: amounts([("cpu", "400m"), ("memory", "412Mi"), ("other", "1")]),
            eviction: amounts([("memory", "100Mi"), ("ephemeral-storage", "10Gi")]),
        };
        let shown: Vec<String> =
            allocatable(&capacity, &reserved).iter().map(|(name, rest)| format!("{name}={rest}")).collect();
        // 8192 - 512 - 412 - 100 = 7168 Mi = 7 Gi.
        assert_eq!(shown, ["cpu=3500m", "ephemeral-storage=90Gi", "memory=7Gi", "pods=110"]);
    }

    #[test]
    fn less_than_nothing_is_nothing() {
        let reserved = Reserved { kube: amounts([("cpu", "9")]), ..Reserved::default() };
        assert_eq!(allocatable(&amounts([("cpu", "4")]), &reserved), amounts([("cpu", "0")]));
    }
}
