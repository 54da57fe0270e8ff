//! Affinity between Pods, and spreading.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    PodAffinityTerm, PodSpec, TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use stanchion_scheduler_core::{
    Affinity, Inclusion, Kin, Namespaces, Others, Selector, Spread, SpreadConstraint, Term, Unsatisfiable,
    Weighted,
};

use super::{ConvertError, selector};

/// Converts affinity and anti-affinity.
pub(super) fn affinity(spec: &PodSpec, kin: &Kin) -> Result<Affinity, ConvertError> {
    let mut affinity = Affinity::default();
    let Some(said) = &spec.affinity else { return Ok(affinity) };
    if let Some(near) = &said.pod_affinity {
        affinity.required = terms(near.required_during_scheduling_ignored_during_execution.as_ref(), kin)?;
        affinity.preferred = wishes(near.preferred_during_scheduling_ignored_during_execution.as_ref(), kin)?;
    }
    if let Some(far) = &said.pod_anti_affinity {
        affinity.anti_required =
            terms(far.required_during_scheduling_ignored_during_execution.as_ref(), kin)?;
        affinity.anti_preferred =
            wishes(far.preferred_during_scheduling_ignored_during_execution.as_ref(), kin)?;
    }
    Ok(affinity)
}

fn terms(terms: Option<&Vec<PodAffinityTerm>>, kin: &Kin) -> Result<Vec<Term>, ConvertError> {
    terms.into_iter().flatten().map(|term| self::term(term, kin)).collect()
}

fn wishes(wishes: Option<&Vec<WeightedPodAffinityTerm>>, kin: &Kin) -> Result<Vec<Weighted>, ConvertError> {
    let wish = |wish: &WeightedPodAffinityTerm| {
        Ok(Weighted { weight: wish.weight, term: term(&wish.pod_affinity_term, kin)? })
    };
    wishes.into_iter().flatten().map(wish).collect()
}

fn term(term: &PodAffinityTerm, kin: &Kin) -> Result<Term, ConvertError> {
    let field = "the label selector of an affinity between Pods";
    let listed = term.namespaces.iter().flatten();
    let mut names: Vec<Arc<str>> = listed.map(|name| name.as_str().into()).collect();
    if names.is_empty() && term.namespace_selector.is_none() {
        names.push(Arc::clone(&kin.namespace));
    }
    names.sort_unstable();
    let namespaces = term.namespace_selector.as_ref();
    let namespaces = namespaces
        .map(|namespaces| selector(Some(namespaces), "the namespace selector of an affinity between Pods"));
    let equal = term.match_label_keys.as_deref().unwrap_or_default();
    let different = term.mismatch_label_keys.as_deref().unwrap_or_default();
    let selector = narrowed(selector(term.label_selector.as_ref(), field)?, kin, equal, different, field)?;
    let namespaces = Namespaces { names, selector: namespaces.transpose()? };
    Ok(Term { others: Others { namespaces, selector }, topology_key: term.topology_key.as_str().into() })
}

fn narrowed(
    selector: Selector,
    kin: &Kin,
    equal: &[String],
    different: &[String],
    field: &'static str,
) -> Result<Selector, ConvertError> {
    if equal.is_empty() && different.is_empty() {
        return Ok(selector);
    }
    let narrowed = selector.narrowed(&kin.labels, equal, different);
    narrowed.map_err(|source| ConvertError::Selector { field, source })
}

/// Converts the constraints of spreading.
pub(super) fn spread(spec: &PodSpec, kin: &Kin) -> Result<Spread, ConvertError> {
    let constraints = spec.topology_spread_constraints.iter().flatten();
    let constraints = constraints.map(|one| constraint(one, kin)).collect::<Result<_, _>>()?;
    Ok(Spread { constraints, by_default: false })
}

fn constraint(constraint: &TopologySpreadConstraint, kin: &Kin) -> Result<SpreadConstraint, ConvertError> {
    let field = "the label selector of a topology spread constraint";
    let equal = constraint.match_label_keys.as_deref().unwrap_or_default();
    let selector = narrowed(selector(constraint.label_selector.as_ref(), field)?, kin, equal, &[], field)?;
    let min_domains = constraint.min_domains.and_then(|number| usize::try_from(number).ok()).unwrap_or(1);
    Ok(SpreadConstraint {
        max_skew: constraint.max_skew,
        topology_key: constraint.topology_key.as_str().into(),
        unsatisfiable: match constraint.when_unsatisfiable.as_str() {
            "DoNotSchedule" => Unsatisfiable::DoNotSchedule,
            "ScheduleAnyway" => Unsatisfiable::ScheduleAnyway,
            other => {
                return Err(ConvertError::Word { field: "whenUnsatisfiable", value: other.to_owned() });
            }
        },
        selector,
        min_domains,
        node_affinity: inclusion(constraint.node_affinity_policy.as_deref(), Inclusion::Honor)?,
        node_taints: inclusion(constraint.node_taints_policy.as_deref(), Inclusion::Ignore)?,
    })
}

fn inclusion(word: Option<&str>, default: Inclusion) -> Result<Inclusion, ConvertError> {
    match word {
        None => Ok(default),
        Some("Honor") => Ok(Inclusion::Honor),
        Some("Ignore") => Ok(Inclusion::Ignore),
        Some(other) => {
            let field = "policy of a topology spread constraint";
            Err(ConvertError::Word { field, value: other.to_owned() })
        }
    }
}
