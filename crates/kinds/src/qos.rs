//! The quality of service of a Pod, which follows from what its containers request and are limited to.

use serde_json::{Map, Value};

use stanchion_machinery::quantity::Quantity;

use crate::defaults::pods::amount::read;

/// Which Pods go first when a node runs out of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QosClass {
    /// Everything is limited, and requested as limited.
    Guaranteed,
    /// Something is requested or limited.
    Burstable,
    /// Nothing is requested or limited.
    BestEffort,
}

impl QosClass {
    /// Returns it as it stands in `status.qosClass`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// Returns whether a resource has a say in it.
pub(crate) fn is_compute(name: &str) -> bool {
    matches!(name, "cpu" | "memory")
}

/// Computes the class from the spec of a Pod.
pub fn class_of(spec: &Value) -> QosClass {
    let mut sums = Sums::default();
    if let Some(resources) = spec.get("resources") {
        sums.take(resources, !is_empty(resources, "limits"));
    } else {
        for key in ["containers", "initContainers"] {
            for container in spec.get(key).and_then(Value::as_array).into_iter().flatten() {
                sums.take(container.get("resources").unwrap_or(&Value::Null), true);
            }
        }
    }
    sums.class()
}

fn is_empty(resources: &Value, key: &str) -> bool {
    resources.get(key).and_then(Value::as_object).is_none_or(Map::is_empty)
}

/// Requests and limits: of processors, then of memory.
#[derive(Default)]
struct Sums {
    requests: [Option<Quantity>; 2],
    limits: [Option<Quantity>; 2],
    unlimited: bool,
}

impl Sums {
    fn take(&mut self, resources: &Value, must_limit: bool) {
        for (index, name) in ["cpu", "memory"].into_iter().enumerate() {
            if let Some(amount) = positive(resources, "requests", name) {
                self.requests[index] = Some(self.requests[index].unwrap_or(Quantity::ZERO) + amount);
            }
            match positive(resources, "limits", name) {
                Some(amount) => {
                    self.limits[index] = Some(self.limits[index].unwrap_or(Quantity::ZERO) + amount);
                }
                None => self.unlimited |= must_limit,
            }
        }
    }

    fn class(&self) -> QosClass {
        if self.requests == [None, None] && self.limits == [None, None] {
            QosClass::BestEffort
        } else if !self.unlimited && self.requests == self.limits {
            QosClass::Guaranteed
        } else {
            QosClass::Burstable
        }
    }
}

fn positive(resources: &Value, key: &str, name: &str) -> Option<Quantity> {
    let amount = read(resources.get(key)?.get(name)?)?;
    (amount > Quantity::ZERO).then_some(amount)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_follows_from_requests_and_limits() {
        let full = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1000m", "memory": "1024Mi"}});
        let some = json!({"requests": {"cpu": "1"}});
        let other = json!({"limits": {"example.com/gpu": 1}, "requests": {"example.com/gpu": 1}});
        let uneven =
            json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}});
        let zero = json!({"requests": {"cpu": "0"}});
        let pod = |containers: &[&Value]| {
            let containers: Vec<Value> = containers.iter().map(|r| json!({"resources": r})).collect();
            class_of(&json!({"containers": containers}))
        };
        assert_eq!(pod(&[]), QosClass::BestEffort);
        assert_eq!(pod(&[&json!({})]), QosClass::BestEffort);
        assert_eq!(pod(&[&other]), QosClass::BestEffort);
        assert_eq!(pod(&[&zero]), QosClass::BestEffort);
        assert_eq!(pod(&[&some]), QosClass::Burstable);
        assert_eq!(pod(&[&uneven]), QosClass::Burstable);
        assert_eq!(pod(&[&full]), QosClass::Guaranteed);
        assert_eq!(pod(&[&full, &full]), QosClass::Guaranteed);
        assert_eq!(pod(&[&full, &json!({})]), QosClass::Burstable);
        let init = json!({"containers": [{"resources": full}], "initContainers": [{"resources": some}]});
        assert_eq!(class_of(&init), QosClass::Burstable);
        let whole = json!({"resources": full, "containers": [{}]});
        assert_eq!(class_of(&whole), QosClass::Guaranteed);
        let half = json!({"resources": some, "containers": [{"resources": full}]});
        assert_eq!(class_of(&half), QosClass::Burstable);
    }
}
