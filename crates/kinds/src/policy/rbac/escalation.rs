//! Nobody may grant what they do not hold.

use std::collections::{BTreeMap, BTreeSet};

use super::rule::url_covers;
use super::{Rule, quoted_list};

/// How much that is not held is told at most; what nobody reads to the end need not be worked out.
const MAX_UNCOVERED: usize = 10_000;

/// Returns the parts of the wanted rules that the owner's rules do not cover.
///
/// Each part has one verb and one group, resource and name, or one path. Nothing is returned if all is covered.
pub fn covers(owner: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let mut uncovered = Vec::new();
    for rule in wanted.iter().filter(|rule| !held(owner, rule)) {
        for part in parts(rule) {
            if !held(owner, &part) {
                uncovered.push(part);
                if uncovered.len() == MAX_UNCOVERED {
                    return uncovered;
                }
            }
        }
    }
    uncovered
}

/// Tells that somebody tries to grant what they do not hold.
///
/// `missing` are the parts from [`covers`]; `errors` is what could not be resolved of the rules they hold.
pub fn escalation_message(user: &str, groups: &[&str], missing: &[Rule], errors: &[String]) -> String {
    let told: BTreeSet<String> = compact(missing).iter().map(ToString::to_string).collect();
    let told: Vec<String> = told.into_iter().collect();
    let mut text = format!(
        "user {user:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        quoted_list(groups),
        told.join("\n")
    );
    if !errors.is_empty() {
        text.push_str("; resolution errors: [");
        text.push_str(&errors.join(" "));
        text.push(']');
    }
    text
}

fn held(owner: &[Rule], wanted: &Rule) -> bool {
    owner.iter().any(|rule| rule_covers(rule, wanted))
}

fn rule_covers(owner: &Rule, wanted: &Rule) -> bool {
    let names = if wanted.names.is_empty() {
        owner.names.is_empty()
    } else {
        owner.names.is_empty() || has_all(&owner.names, &wanted.names)
    };
    names
        && has_all_or_star(&owner.verbs, &wanted.verbs)
        && has_all_or_star(&owner.groups, &wanted.groups)
        && wanted.resources.iter().all(|resource| resource_covers(&owner.resources, resource))
        && wanted.urls.iter().all(|url| owner.urls.iter().any(|pattern| url_covers(pattern, url)))
}

fn has_all(have: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|item| have.contains(item))
}

fn has_all_or_star(have: &[String], wanted: &[String]) -> bool {
    have.iter().any(|item| item == "*") || has_all(have, wanted)
}

fn resource_covers(have: &[String], wanted: &str) -> bool {
    let subresource = wanted.split_once('/').map(|(_, subresource)| subresource);
    have.iter().any(|item| {
        item == "*" || item == wanted || (subresource.is_some() && item.strip_prefix("*/") == subresource)
    })
}

fn parts(rule: &Rule) -> impl Iterator<Item = Rule> {
    let names: Vec<Vec<String>> = if rule.names.is_empty() {
        vec![Vec::new()]
    } else {
        rule.names.iter().map(|name| vec![name.clone()]).collect()
    };
    let resources = rule.groups.iter().flat_map(move |group| {
        let names = names.clone();
        rule.resources.iter().flat_map(move |resource| {
            let names = names.clone();
            rule.verbs.iter().flat_map(move |verb| {
                names.clone().into_iter().map(move |names| Rule {
                    verbs: vec![verb.clone()],
                    groups: vec![group.clone()],
                    resources: vec![resource.clone()],
                    names,
                    urls: Vec::new(),
                })
            })
        })
    });
    let urls = rule.urls.iter().flat_map(move |url| {
        rule.verbs.iter().map(move |verb| Rule {
            verbs: vec![verb.clone()],
            urls: vec![url.clone()],
            ..Rule::default()
        })
    });
    resources.chain(urls)
}

/// Joins the verbs of parts that are otherwise the same.
fn compact(parts: &[Rule]) -> Vec<Rule> {
    let mut joined = BTreeMap::new();
    let mut compacted = Vec::new();
    for part in parts {
        if part.urls.is_empty() {
            let rule = joined
                .entry((&part.groups, &part.resources, &part.names))
                .or_insert_with(|| Rule { verbs: Vec::new(), ..part.clone() });
            rule.verbs.extend_from_slice(&part.verbs);
        } else {
            compacted.push(part.clone());
        }
    }
    compacted.extend(joined.into_values());
    compacted
}
