//! Labels of an object and selectors over them, as keys of maps.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use stanchion_machinery::selector::{Labels, Operator, Requirement, SelectorError};

/// The labels of an object, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelSet(Arc<[(Arc<str>, Arc<str>)]>);

impl LabelSet {
    /// Makes one of pairs in any order; of equal keys the last counts.
    pub fn new<K: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut pairs: Vec<(Arc<str>, Arc<str>)> =
            pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        pairs.reverse();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, kept| later.0 == kept.0);
        Self(pairs.into())
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.value(key).map(AsRef::as_ref)
    }

    /// Returns the value of a key, to be kept.
    pub(crate) fn value(&self, key: &str) -> Option<&Arc<str>> {
        let at = self.0.binary_search_by(|(probe, _)| probe.as_ref().cmp(key)).ok()?;
        Some(&self.0[at].1)
    }
}

/// A selector over labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Labels);

impl Selector {
    /// Wraps a selector.
    pub fn new(labels: Labels) -> Self {
        Self(labels)
    }

    /// Returns whether it selects what carries these labels.
    pub fn matches(&self, labels: &LabelSet) -> bool {
        self.0.matches(|key| labels.get(key))
    }

    /// Returns whether it selects everything.
    pub fn is_everything(&self) -> bool {
        self.0.is_everything()
    }

    /// Narrows it by `matchLabelKeys` and `mismatchLabelKeys`: keys whose value is that of the Pod itself. A key that
    /// the Pod lacks is left out, and a selector of nothing stays one.
    pub fn narrowed(
        self,
        labels: &LabelSet,
        equal: &[String],
        different: &[String],
    ) -> Result<Self, SelectorError> {
        if self.0.is_nothing() {
            return Ok(self);
        }
        let mut all = self.0.requirements().to_vec();
        for (keys, operator) in [(equal, Operator::In), (different, Operator::NotIn)] {
            for key in keys {
                if let Some(value) = labels.get(key) {
                    all.push(Requirement::new(key, operator, vec![value.to_owned()])?);
                }
            }
        }
        Ok(Self(Labels::all_of(all)))
    }
}

impl Hash for Selector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.is_nothing().hash(state);
        self.0.requirements().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_whatever_their_order() {
        let labels = LabelSet::new([("b", "2"), ("a", "1"), ("b", "3")]);
        assert_eq!(labels.get("a"), Some("1"));
        assert_eq!(labels.get("b"), Some("3"));
        assert_eq!(labels.get("c"), None);
        assert_eq!(labels, LabelSet::new([("a", "1"), ("b", "3")]));
    }

    #[test]
    fn label_keys_narrow_a_selector() {
        let labels = LabelSet::new([("app", "db"), ("hash", "x1")]);
        let selector = Selector::new(Labels::parse("app=db").unwrap());
        let narrowed = selector.narrowed(&labels, &["hash".into(), "absent".into()], &[]).unwrap();
        assert!(narrowed.matches(&labels));
        assert!(!narrowed.matches(&LabelSet::new([("app", "db"), ("hash", "x2")])));
        let other = Selector::new(Labels::everything()).narrowed(&labels, &[], &["hash".into()]).unwrap();
        assert!(!other.matches(&labels));
        assert!(other.matches(&LabelSet::new([("app", "db")])));
        let none = Selector::new(Labels::nothing()).narrowed(&labels, &["hash".into()], &[]).unwrap();
        assert!(!none.matches(&labels));
    }
}
