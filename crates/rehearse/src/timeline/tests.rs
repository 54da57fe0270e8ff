use std::time::{Duration, SystemTime};

use super::*;
use crate::record::{Mark, Outcome, Record, Row, Seen};
use crate::target::RunId;
use crate::verdict::Verdict;

#[test]
fn times_are_relative_to_the_fault() {
    let mut record = Record::new(RunId::random());
    let millis = Duration::from_millis;
    let row = |sent, took| Row { sent: millis(sent), outcome: Outcome::Acknowledged(millis(took)) };
    record.rows = vec![row(1_000, 2), row(1_990, 2), row(2_600, 3)];
    record.ended = millis(2_700);
    record.marks.push(Mark { at: millis(2_000), what: "SIGKILL of mariadbd (7)".to_owned() });
    record.remark(record.began + millis(2_500), "orders-1 is writable");
    let what = "refused".to_owned();
    record.failures.push(Seen { what, first: millis(2_001), last: millis(2_400), count: 40 });
    let text = render(&Summary::of(&record, Verdict { acknowledged: 3, ..Verdict::default() }));
    let expected = "    -0.008 s  last row acknowledged before the gap
    +0.000 s  SIGKILL of mariadbd (7)
    +0.001 s  refused (40 times until +0.400 s)
    +0.500 s  orders-1 is writable
    +0.603 s  row 2 acknowledged: the gap was 0.611 s
before: 2 rows, p50 2.0 ms, p99 2.0 ms, longest 2.0 ms
after: 0 rows, p50 0.0 ms, p99 0.0 ms, longest 0.0 ms
of 3 acknowledged rows 0 are lost, 0 are there twice; 0 were never sent; of unknown outcome: 0 there, 0 not
";
    assert_eq!(text, expected);
}

#[test]
fn what_happened_before_the_record_is_put_at_its_beginning() {
    let mut record = Record::new(RunId::random());
    record.remark(SystemTime::UNIX_EPOCH, "long ago");
    assert_eq!(record.marks, [Mark { at: Duration::ZERO, what: "long ago".to_owned() }]);
}

#[test]
fn times_in_json_are_seconds() {
    let mut record = Record::new(RunId::random());
    record.marks.push(Mark { at: Duration::from_micros(1_500_001), what: "here".to_owned() });
    record.ended = Duration::from_secs(2);
    let json = serde_json::to_value(Summary::of(&record, Verdict::default())).expect("it is JSON");
    assert_eq!((&json["marks"][0]["at"], &json["lasted"]), (&1.500_001.into(), &2.0.into()));
}
