//! What of a machine Pods may use.

use std::collections::BTreeMap;

use stanchion_machinery::quantity::Quantity;
use thiserror::Error;

/// Amounts by resource.
pub type Amounts = BTreeMap<String, Quantity>;

/// So many Pods fit on a node unless it is set otherwise.
pub const MAX_PODS: i64 = 110;

/// What can be kept back from Pods.
const RESERVED: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// Memory that is kept for the node's own processes unless it is set otherwise: a whole cluster in one process takes a fourth of
/// it at rest.
const OWN_MEMORY: i64 = 256 << 20;

/// What is kept back from Pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// For the node's own processes.
    pub kube: Amounts,
    /// For the rest of the machine.
    pub system: Amounts,
    /// What has to stay free, or Pods are evicted at once: memory and ephemeral storage.
    pub eviction: Amounts,
}

impl Default for Reserved {
    fn default() -> Self {
        Self {
            kube: Amounts::from([("memory".to_owned(), Quantity::binary(OWN_MEMORY))]),
            system: Amounts::new(),
            eviction: Amounts::new(),
        }
    }
}

/// Amounts that cannot be kept back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReservedError {
    /// It cannot be read.
    #[error("{0:?} is not of the form memory=512Mi")]
    Form(String),
    /// Something of which nothing can be kept back.
    #[error("nothing can be kept back of {0:?}, only of {kept}", kept = RESERVED.join(", "))]
    Unknown(String),
    /// An amount below nothing.
    #[error("{0:?} is less than nothing")]
    Negative(String),
    /// A resource with two amounts.
    #[error("{0} is given twice")]
    Twice(String),
}

/// Reads what is kept back, as `cpu=100m,memory=512Mi`.
pub fn reserved(text: &str) -> Result<Amounts, ReservedError> {
    let mut amounts = Amounts::new();
    for part in text.split(',').map(str::trim) {
        let form = || ReservedError::Form(part.to_owned());
        let (name, amount) = part.split_once('=').ok_or_else(form)?;
        if !RESERVED.contains(&name) {
            return Err(ReservedError::Unknown(name.to_owned()));
        }
        let amount = Quantity::parse(amount).map_err(|_| form())?;
        if amount.is_negative() {
            return Err(ReservedError::Negative(part.to_owned()));
        }
        if amounts.insert(name.to_owned(), amount).is_some() {
            return Err(ReservedError::Twice(name.to_owned()));
        }
    }
    Ok(amounts)
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

    #[test]
    fn amounts_to_keep_back_are_read_or_refused() {
        let read = |text: &str| reserved(text).map_err(|error| error.to_string());
        assert_eq!(
            read("cpu=100m, memory=0,ephemeral-storage=1Gi"),
            Ok(amounts([("cpu", "100m"), ("memory", "0"), ("ephemeral-storage", "1Gi")]))
        );
        for (text, why) in [
            ("memory", "\"memory\" is not of the form memory=512Mi"),
            ("memory=much", "\"memory=much\" is not of the form memory=512Mi"),
            ("", "\"\" is not of the form memory=512Mi"),
            ("pid=100", "nothing can be kept back of \"pid\", only of cpu, memory, ephemeral-storage"),
            ("memory=-1Mi", "\"memory=-1Mi\" is less than nothing"),
            ("cpu=1,cpu=2", "cpu is given twice"),
        ] {
            assert_eq!(read(text), Err(why.to_owned()));
        }
    }
}
