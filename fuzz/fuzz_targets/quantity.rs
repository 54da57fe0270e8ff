//! Quantities: read or refused; what is shown reads as the same, and arithmetic never overflows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stanchion_machinery::quantity::Quantity;

fuzz_target!(|text: &str| {
    let Ok(quantity) = Quantity::parse(text) else { return };
    let shown = quantity.to_string();
    let again = Quantity::parse(&shown).expect("what is shown is a quantity");
    assert_eq!(again.cmp(&quantity), std::cmp::Ordering::Equal, "{text} is shown as {shown}");
    // A binary quantity may lose its unit, and is then read and written as a decimal one: the second time settles it.
    let settled = again.to_string();
    let third = Quantity::parse(&settled).expect("what is shown is a quantity");
    assert_eq!(third.to_string(), settled);
    let kept = Quantity::round_trip(text).expect("it can be read").into_owned();
    let settled = Quantity::round_trip(&kept).expect("what is stored is a quantity").into_owned();
    let again = Quantity::round_trip(&settled).expect("what is stored is a quantity").into_owned();
    assert_eq!(settled, again, "{text}");
    assert!((quantity.value() >= 0) != quantity.is_negative() || quantity.value() == 0);
    drop((quantity.milli_value(), quantity.scaled(3), quantity.scaled(i32::MAX), quantity.scaled(i32::MIN)));
});
