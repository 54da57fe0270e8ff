use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;
const SIZES: Sizes = Sizes { size: 400 * MIB, in_use: 100 * MIB, quota: Some(2_048 * MIB) };

#[track_caller]
fn holds(rule: &str) -> bool {
    let rule: Rule = rule.parse().unwrap_or_else(|error| panic!("{rule}: {error}"));
    rule.holds(&SIZES).expect("the quota is known")
}

#[test]
fn sizes_are_compared() {
    for rule in [
        "size == 400MiB",
        "inUse == 104857600",
        "free > 200*1024*1024",
        "freeShare > 0.7 && freeShare < 0.8",
        "quota == 2GiB",
        "quotaShare < .2",
        "freeShare > 0.5 && size > 100MiB || quotaShare > 0.8",
        "dbQuotaUsage > 0.8 || dbSize - dbSizeInUse > 200*1024*1024",
        "dbQuotaUsage > 0.8 || dbSizeFree > 200*1024*1024",
        "dbQuota >= 2Gi",
        "!(size < 1GB) || size != 3",
        "-free < 0",
        "size - inUse - free == 0",
        "size / inUse / 2 == 2",
        "size+inUse*2 == 600MiB",
        "1kB == 1000B",
    ] {
        assert!(holds(rule), "{rule}");
    }
    for rule in [
        "size > 400MiB",
        "freeShare > 0.5 && size > 500MiB",
        // Both binds stronger than either.
        "size > 500MiB && size > 0 || size > 1GiB",
        "size / (inUse - inUse) < 1",
        "(size - size) / (inUse - inUse) != 1",
    ] {
        assert!(!holds(rule), "{rule}");
    }
}

#[test]
fn a_wrong_rule_is_refused_with_its_place() {
    for (rule, at, what) in [
        ("", 1, "missing here"),
        ("  ", 3, "missing here"),
        ("size", 1, "this is a number"),
        ("size > 5X", 8, "no unit \"X\""),
        ("size > 1.2.3", 8, "not a number"),
        ("size > 1 < 2", 10, "ends before"),
        ("speed > 1", 1, "there is no \"speed\"; there are size,"),
        ("size > 1 && quota", 13, "this is a number"),
        ("(size > 1", 10, "closing parenthesis"),
        ("size > 1)", 9, "ends before"),
        ("size > && 1", 8, "missing before"),
        ("size >", 7, "missing here"),
        ("size = 1", 6, "means nothing"),
        ("size > 50%", 10, "means nothing"),
        ("ß > 1", 1, "there is no"),
        ("(size > 1) + 1 > 2", 1, "true or false"),
        ("!size", 2, "this is a number"),
        ("-(size > 1) > 2", 2, "true or false"),
    ] {
        let error = rule.parse::<Rule>().expect_err(rule);
        assert_eq!(error.position(), at, "{rule}: {error}");
        assert!(error.to_string().contains(what), "{rule}: {error}");
    }
}

#[test]
fn what_is_too_long_or_deep_is_refused() {
    let long = format!("size > 1{}", " || size > 1".repeat(100));
    long.parse::<Rule>().expect_err("it is long");
    let deep = format!("{}size > 1{}", "(".repeat(60), ")".repeat(60));
    assert!(deep.parse::<Rule>().expect_err("it is deep").to_string().contains("too deep"));
    format!("size > {}1", "-".repeat(200)).parse::<Rule>().expect_err("it is deep");
}

#[test]
fn a_quota_that_is_not_known_decides_nothing_that_hangs_on_it() {
    let sizes = Sizes { quota: None, ..SIZES };
    let of = |rule: &str| rule.parse::<Rule>().expect("a rule").holds(&sizes);
    assert_eq!(of("quotaShare > 0.8"), None);
    assert_eq!(of("quotaShare > 0.8 || size > 1"), Some(true));
    assert_eq!(of("size < 1 && quota > 1"), Some(false));
    assert_eq!(of("size < 1 || quota > 1"), None);
    assert_eq!(of("!(quota > 1)"), None);
    assert_eq!(of("freeShare > 0.5"), Some(true));
}

/// Rules that are right, with what they should come to.
fn rules() -> impl Strategy<Value = (String, bool)> {
    let value = |name: &str| Variable::named(name).and_then(|variable| variable.of(&SIZES)).expect("known");
    let names = prop::sample::select(Variable::NAMES.map(|(name, _)| name).to_vec());
    let compared = (names, 0..4_000_u32).prop_map(move |(name, limit)| {
        (format!("{name} > {limit}MiB"), value(name) > f64::from(limit) * 1_048_576.0)
    });
    compared.prop_recursive(4, 24, 2, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_map(|((a, x), (b, y))| (format!("({a}) && ({b})"), x && y)),
            two.prop_map(|((a, x), (b, y))| (format!("({a})||({b})"), x || y)),
            inner.prop_map(|(a, x)| (format!("! ({a})"), !x)),
        ]
    })
}

proptest! {
    #[test]
    fn invariant_whatever_is_read_can_be_decided(text in "[ a-zA-Z0-9.()<>=!&|+*/-]{0,80}") {
        if let Ok(rule) = text.parse::<Rule>() {
            prop_assert!(rule.holds(&SIZES).is_some());
        }
    }

    #[test]
    fn invariant_any_text_is_read_or_refused_within_it(text in "\\PC{0,60}") {
        if let Err(error) = text.parse::<Rule>() {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.position()), "{}", error);
        }
    }

    #[test]
    fn invariant_rules_mean_what_logic_says((text, expected) in rules()) {
        let rule: Rule = text.parse().expect("it is right");
        prop_assert_eq!(rule.holds(&SIZES), Some(expected), "{}", text);
    }
}
