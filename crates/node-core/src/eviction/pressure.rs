//! Which thresholds are met, for how long, and what the node says about it.

use std::collections::{BTreeMap, BTreeSet};

use super::{CONDITION_HOLD, Condition, Figure, Threshold};
use crate::moment::Moment;

/// What one look at the figures says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The conditions of the node, those that are held included.
    pub conditions: BTreeSet<Condition>,
    /// The most urgent threshold on which something has to be done now, and the figure that met it.
    pub urgent: Option<(Threshold, Figure)>,
}

/// The thresholds of a node, and what is remembered about them.
#[derive(Clone, Debug)]
pub struct Pressure {
    thresholds: Vec<Threshold>,
    /// Since when each threshold is met, by its place.
    since: BTreeMap<usize, Moment>,
    /// When each condition was last seen.
    seen: BTreeMap<Condition, Moment>,
}

impl Pressure {
    /// Makes it with its thresholds.
    pub fn new(thresholds: Vec<Threshold>) -> Self {
        Self { thresholds, since: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// Looks at the figures. What has no figure counts as not met.
    pub fn observe(&mut self, figures: &[Figure], now: Moment) -> Round {
        let mut met = Vec::new();
        for (place, threshold) in self.thresholds.iter().enumerate() {
            let figure = figures.iter().find(|figure| figure.signal == threshold.signal);
            let was_met = self.since.contains_key(&place);
            let is_met =
                |figure: &&Figure| threshold.is_met(figure) || (was_met && !threshold.is_resolved(figure));
            if let Some(figure) = figure.filter(is_met) {
                met.push((place, *threshold, *figure));
            }
        }
        self.since.retain(|place, _| met.iter().any(|(met, ..)| met == place));
        for (place, threshold, _) in &met {
            self.since.entry(*place).or_insert(now);
            self.seen.insert(threshold.signal.condition(), now);
        }
        self.seen.retain(|_, seen| now.since(*seen) < CONDITION_HOLD);
        let due = met.into_iter().filter(|(place, threshold, _)| {
            let lasted = self.since.get(place).map(|since| now.since(*since)).unwrap_or_default();
            threshold.grace.is_none_or(|grace| lasted >= grace)
        });
        let urgent = due.min_by_key(|(_, threshold, _)| (threshold.signal, threshold.grace.is_some()));
        Round {
            conditions: self.seen.keys().copied().collect(),
            urgent: urgent.map(|(_, threshold, figure)| (threshold, figure)),
        }
    }
}
