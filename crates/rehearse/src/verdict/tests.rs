use std::time::Duration;

use super::*;
use crate::record::{Outcome, Row};

fn record(acknowledged: &[bool]) -> Record {
    let mut record = Record::new(RunId::random());
    record.rows.extend(acknowledged.iter().map(|acknowledged| Row {
        sent: Duration::ZERO,
        outcome: if *acknowledged {
            Outcome::Acknowledged(Duration::ZERO)
        } else {
            Outcome::Unknown(Duration::ZERO)
        },
    }));
    record
}

fn stored(numbers: &[u64]) -> Vec<Stored> {
    (1..).zip(numbers).map(|(id, number)| Stored { id, number: *number }).collect()
}

#[test]
fn what_was_acknowledged_must_be_there_once() {
    let record = record(&[true, true, false, false, true]);
    let verdict = Verdict::of(&record, &stored(&[0, 2, 4, 4, 9]));
    let one = |number| Numbers { count: 1, first: vec![number] };
    let expected = Verdict {
        acknowledged: 3,
        lost: one(1),
        twice: one(4),
        never_sent: one(9),
        unknown_there: 1,
        unknown_absent: 1,
    };
    assert_eq!(verdict, expected);
    assert!(!verdict.is_clean());
}

#[test]
fn rows_of_unknown_outcome_may_be_there_or_not() {
    let record = record(&[true, false]);
    assert!(Verdict::of(&record, &stored(&[0])).is_clean());
    assert!(Verdict::of(&record, &stored(&[0, 1])).is_clean());
}

#[test]
fn many_numbers_are_not_all_named() {
    let mut numbers = Numbers::default();
    assert_eq!(numbers.to_string(), "0");
    (0..30).for_each(|number| numbers.add(number));
    assert!(numbers.to_string().starts_with("30 (0, 1, "), "{numbers}");
    assert!(numbers.to_string().ends_with("19, …)"), "{numbers}");
}
