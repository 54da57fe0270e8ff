use proptest::prelude::*;
use serde_json::json;

use super::*;

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).expect(text)
}

#[test]
fn quantities_are_shown_canonically() {
    let table = [
        ("0", "0"),
        ("-0.00", "0"),
        ("1", "1"),
        ("0.5", "500m"),
        ("1.5", "1500m"),
        ("100m", "100m"),
        ("1000m", "1"),
        ("1000", "1k"),
        ("1200", "1200"),
        ("1e3", "1e3"),
        ("12e5", "1200e3"),
        ("1E", "1E"),
        ("1E3", "1e3"),
        ("1000E", "1000E"),
        ("1024", "1024"),
        ("1Ki", "1Ki"),
        ("1024Ki", "1Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.1Ki", "102400m"),
        ("0.5Ki", "512"),
        ("-5Mi", "-5Mi"),
        ("10000000000Gi", "9223372036854775807"),
        ("0.0000000001", "1n"),
        ("-0.0000000001", "-1n"),
        ("1.0000000000001n", "2n"),
        ("+1", "1"),
        ("1e40", "10e39"),
        ("1e-40", "1e-9"),
        ("100Ei", "9223372036854775807"),
    ];
    for (text, shown) in table {
        assert_eq!(quantity(text).to_string(), shown, "{text}");
    }
}

#[test]
fn the_server_keeps_plain_texts() {
    let kept = ["0", "1", "100m", "1.500", "1e3", "1E3", "01", "1025Mi", "+1Gi", "1500", "10Gi"];
    for text in kept {
        assert_eq!(Quantity::round_trip(text).expect(text), text);
    }
    let changed = [("1000m", "1"), ("0.5", "500m"), ("1.5Gi", "1536Mi"), ("8Gi", "8Gi"), ("1024Mi", "1Gi")];
    for (text, stored) in changed {
        assert_eq!(Quantity::round_trip(text).expect(text), stored);
    }
}

#[test]
fn what_is_no_quantity_is_refused() {
    for text in ["", "a", "1 ", "1Gi ", "1e3i", "1.2.3", "1-+1", "1b", "1e3.5"] {
        assert_eq!(Quantity::parse(text), Err(QuantityError::Format), "{text:?}");
    }
    for text in ["1i", "1e", "--1", "1Kie", "1mm", "1Mi1"] {
        assert_eq!(Quantity::parse(text), Err(QuantityError::Suffix), "{text:?}");
    }
    assert_eq!(Quantity::from_value(&json!(true)), Err(QuantityError::Format));
    assert_eq!(Quantity::from_value(&json!(0.5)), Ok(quantity("500m")));
    assert_eq!(Quantity::from_value(&json!(" 1 ")), Ok(quantity("1")));
}

#[test]
fn values_are_rounded_up_and_cut() {
    assert_eq!((quantity("1.1").value(), quantity("-1.1").value()), (2, -2));
    assert_eq!((quantity("1.0001").milli_value(), quantity("2Ki").milli_value()), (1001, 2_048_000));
    assert_eq!((quantity("1e30").value(), quantity("-1e300").value()), (i64::MAX, i64::MIN));
    assert_eq!(quantity("1n").value(), 1);
    assert_eq!(Quantity::from_milli(1500), quantity("1.5"));
}

#[test]
fn sums_and_order() {
    assert_eq!((quantity("1Gi") + quantity("512Mi")).to_string(), "1536Mi");
    assert_eq!((quantity("0") + quantity("1Gi")).to_string(), "1Gi");
    assert_eq!((quantity("1") - quantity("100m")).to_string(), "900m");
    assert_eq!((quantity("1Gi") - quantity("1Gi")), Quantity::ZERO);
    let sorted = ["-1e300", "-1", "-1n", "0", "1n", "1m", "1000", "1Ki", "1e3000"];
    for pair in sorted.windows(2) {
        assert!(quantity(pair[0]) < quantity(pair[1]), "{pair:?}");
        assert!(quantity(pair[1]) > quantity(pair[0]), "{pair:?}");
    }
    assert_eq!(quantity("1Ki"), quantity("1.024k"));
}

fn any_quantity() -> impl Strategy<Value = String> {
    "[-+]?[0-9]{1,20}(\\.[0-9]{0,12})?(n|u|m||k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e-?[0-9]{1,2})"
}

proptest! {
    #[test]
    fn what_is_shown_is_the_same(text in any_quantity()) {
        let read = quantity(&text);
        prop_assert_eq!(quantity(&read.to_string()), read);
        let stored = Quantity::round_trip(&text).expect("a quantity");
        prop_assert_eq!(quantity(&stored), read);
    }

    #[test]
    fn addition_commutes(a in any_quantity(), b in any_quantity()) {
        let (a, b) = (quantity(&a), quantity(&b));
        prop_assert_eq!(a + b, b + a);
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,8}|[-+0-9.eEinumkKMGTP]{0,60}") {
        if let Ok(read) = Quantity::parse(&text) {
            prop_assert_eq!(quantity(&read.to_string()), read);
        }
    }
}

#[test]
fn what_is_shown_of_the_largest_reads_as_the_same() {
    for text in ["1000e99999", "1000e100000", "1e9223372036854775807", "-10e100000", "1e100000"] {
        let quantity = Quantity::parse(text).expect(text);
        let shown = quantity.to_string();
        assert_eq!(Quantity::parse(&shown).expect(text), quantity, "{text} is shown as {shown}");
    }
}
