//! Tables of taints, tolerations and selectors of nodes.

use stanchion_machinery::selector::Labels;

use super::*;

fn taint(key: &str, value: &str, effect: Effect) -> Taint {
    Taint { key: key.into(), value: value.into(), effect }
}

fn toleration(key: Option<&str>, value: Option<&str>, effect: Option<Effect>) -> Toleration {
    let values = value.map_or(Tolerated::Exists, |value| Tolerated::Equal(value.into()));
    Toleration { key: key.map(Into::into), values, effect }
}

#[test]
fn a_toleration_covers_what_it_names() {
    let taint = taint("disk", "slow", Effect::NoSchedule);
    let table = [
        (toleration(Some("disk"), Some("slow"), Some(Effect::NoSchedule)), true),
        (toleration(Some("disk"), Some("fast"), Some(Effect::NoSchedule)), false),
        (toleration(Some("disk"), None, None), true),
        (toleration(Some("cpu"), None, None), false),
        (toleration(None, None, None), true),
        (toleration(Some("disk"), Some("slow"), Some(Effect::NoExecute)), false),
    ];
    for (toleration, expected) in table {
        assert_eq!(toleration.tolerates(&taint), expected, "{toleration:?}");
    }
}

#[test]
fn only_hard_taints_keep_away_and_only_soft_ones_are_disliked() {
    let node = Node {
        taints: vec![
            taint("a", "", Effect::PreferNoSchedule),
            taint("b", "", Effect::NoSchedule),
            taint("c", "", Effect::NoExecute),
        ],
        ..Node::default()
    };
    assert_eq!(node.untolerated(&[]), Some(1));
    assert_eq!(node.untolerated(&[toleration(Some("b"), None, None)]), Some(2));
    assert_eq!(node.untolerated(&[toleration(None, None, None)]), None);
    assert_eq!(node.disliked(&[]), 1);
    assert_eq!(node.disliked(&[toleration(Some("a"), None, Some(Effect::NoSchedule))]), 1);
    assert_eq!(node.disliked(&[toleration(Some("a"), None, None)]), 0);
}

#[test]
fn a_cordon_is_a_taint_that_can_be_tolerated() {
    let node = Node { unschedulable: true, ..Node::default() };
    assert!(node.is_cordoned(&[]));
    assert!(!node.is_cordoned(&[toleration(Some(UNSCHEDULABLE), None, Some(Effect::NoSchedule))]));
    assert!(!Node::default().is_cordoned(&[]));
}

#[test]
fn a_requirement_holds_if_labels_and_one_term_hold() {
    let node = Node {
        name: "n1".into(),
        labels: LabelSet::new([("disk", "ssd"), ("cores", "8")]),
        ..Node::default()
    };
    let term = |labels: &str, names: &[(bool, &str)]| NodeTerm {
        labels: Selector::new(Labels::parse(labels).unwrap()),
        names: names.iter().map(|(is, name)| NameRequirement { is: *is, name: (*name).into() }).collect(),
    };
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let table: Vec<(LabelPairs, Option<Vec<NodeTerm>>, bool)> = vec![
        (pairs(&[]), None, true),
        (pairs(&[("disk", "ssd")]), None, true),
        (pairs(&[("disk", "hdd")]), None, false),
        (pairs(&[]), Some(vec![]), false),
        (pairs(&[]), Some(vec![term("", &[])]), false),
        (pairs(&[]), Some(vec![term("cores>4", &[])]), true),
        (pairs(&[]), Some(vec![term("cores<4", &[]), term("disk in (ssd)", &[])]), true),
        (pairs(&[("disk", "hdd")]), Some(vec![term("disk", &[])]), false),
        (pairs(&[]), Some(vec![term("", &[(true, "n1")])]), true),
        (pairs(&[]), Some(vec![term("", &[(true, "n2")])]), false),
        (pairs(&[]), Some(vec![term("disk", &[(false, "n2")])]), true),
    ];
    for (labels, terms, expected) in table {
        let requirement = NodeRequirement { labels, terms };
        assert_eq!(requirement.matches(&node), expected, "{requirement:?}");
    }
}

#[test]
fn a_requirement_may_come_down_to_names() {
    let named = |name: &str| NodeTerm {
        labels: Selector::new(Labels::everything()),
        names: vec![NameRequirement { is: true, name: name.into() }],
    };
    let free = NodeTerm { names: Vec::new(), ..named("x") };
    let requirement = |terms| NodeRequirement { labels: Vec::new(), terms };
    let both = requirement(Some(vec![named("a"), named("b")]));
    assert_eq!(both.only_names().unwrap().len(), 2);
    assert!(requirement(Some(vec![named("a"), free])).only_names().is_none());
    assert!(requirement(None).only_names().is_none());
}
