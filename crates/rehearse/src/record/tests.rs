use super::*;

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A record in which rows are sent and answered at these times.
fn record(rows: &[(u64, Option<u64>)], ended: u64) -> Record {
    let mut record = Record::new(RunId::random());
    let origin = record.origin;
    for (sent, answered) in rows {
        let sent = origin + millis(*sent);
        if let Some(answered) = answered {
            record.acknowledged(sent, origin + millis(*answered));
        } else {
            record.unknown(sent, sent + millis(5));
            record.failed(sent + millis(5), "lost".to_owned());
        }
    }
    record.ended = millis(ended);
    record
}

#[test]
fn a_gap_lies_between_two_acknowledgements() {
    let record = record(&[(0, Some(1)), (10, Some(12)), (20, None), (30, Some(500)), (510, Some(511))], 520);
    let gap = record.longest_gap(Duration::ZERO);
    assert_eq!((gap.start, gap.end, gap.ended_by), (millis(12), millis(500), Some(3)));
    let lost = Seen { what: "lost".to_owned(), first: millis(25), last: millis(25), count: 1 };
    assert_eq!(gap.failures, [lost]);
}

#[test]
fn a_gap_before_the_fault_does_not_count() {
    let record = record(&[(0, Some(300)), (310, Some(311)), (320, Some(360))], 361);
    assert_eq!(record.longest_gap(millis(305)).length(), millis(49));
}

#[test]
fn an_outage_that_never_ends_ends_with_the_record() {
    let record = record(&[(0, Some(1)), (10, None)], 9_000);
    let gap = record.longest_gap(millis(5));
    assert_eq!((gap.start, gap.end, gap.ended_by), (millis(1), millis(9_000), None));
}

#[test]
fn failures_are_counted_by_kind_and_outage() {
    let mut record = record(&[(0, None), (10, None), (20, Some(21)), (30, None)], 40);
    let counts: Vec<u64> = record.failures.iter().map(|seen| seen.count).collect();
    assert_eq!(counts, [2, 1]);
    let now = record.origin + millis(50);
    for kind in 0..100 {
        record.failed(now, kind.to_string());
    }
    assert_eq!(record.failures.len(), 1 + MOST_KINDS + 1);
    assert_eq!(record.failures.last().map(|seen| (seen.what.as_str(), seen.count)), Some((OTHERS, 69)));
}

#[test]
fn latency_is_that_of_acknowledged_rows() {
    let rows: Vec<_> =
        (0..100).map(|row| (row * 10, Some(row * 10 + row + 1))).chain([(1_000, None)]).collect();
    let latency = record(&rows, 2_000).latency(&(Duration::ZERO..Duration::MAX));
    let expected = Latency { rows: 100, p50: millis(50), p95: millis(95), p99: millis(99), max: millis(100) };
    assert_eq!(latency, expected);
    assert_eq!(record(&[], 0).latency(&(Duration::ZERO..Duration::MAX)), Latency::default());
}
