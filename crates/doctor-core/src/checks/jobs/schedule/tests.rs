use stanchion_machinery::time;

use super::*;

fn at(text: &str) -> i64 {
    time::parse(text).unwrap_or_else(|| panic!("{text} is no moment")) / 1_000_000
}

/// Whether a schedule is due from one local time to another.
fn due(schedule: &str, from: &str, until: &str) -> bool {
    let schedule = Schedule::parse(schedule).unwrap_or_else(|| panic!("{schedule} is no schedule"));
    schedule.is_due_within(at(from), at(until))
}

#[test]
fn a_minute_is_due_when_it_begins() {
    let noon = "2026-11-22T12:00:00Z";
    assert!(due("0 12 * * *", noon, noon));
    assert!(!due("0 12 * * *", "2026-11-22T12:00:01Z", "2026-11-23T11:59:59Z"));
    assert!(due("0 12 * * *", "2026-11-22T12:00:01Z", "2026-11-23T12:00:00Z"));
    assert!(due("*/5 * * * *", "2026-11-22T23:56:00Z", "2026-11-23T00:00:00Z"), "over midnight");
    assert!(!due("*/5 * * * *", "2026-11-22T12:01:00Z", "2026-11-22T12:04:59Z"));
    assert!(due("7/20 * * * *", "2026-11-22T12:30:00Z", "2026-11-22T12:47:00Z"));
    assert!(!due("0 12 * * *", "2026-11-23T12:00:00Z", "2026-11-22T12:00:00Z"), "an empty time");
}

#[test]
fn days_of_months_and_of_weeks() {
    // The 22nd of November 2026 is a Sunday.
    let on = |schedule: &str, day: u32| {
        due(schedule, &format!("2026-11-{day:02}T00:00:00Z"), &format!("2026-11-{day:02}T23:59:59Z"))
    };
    let days = |schedule: &str| (1..=30).filter(|day| on(schedule, *day)).collect::<Vec<_>>();
    assert_eq!(days("0 1 * * 0"), [1, 8, 15, 22, 29]);
    assert_eq!(days("0 1 * * SUN"), [1, 8, 15, 22, 29]);
    assert_eq!(days("0 1 * nov mon-tue"), [2, 3, 9, 10, 16, 17, 23, 24, 30]);
    assert_eq!(days("0 1 13 * *"), [13]);
    assert_eq!(days("0 1 13 * 0"), [1, 8, 13, 15, 22, 29], "either");
    assert_eq!(days("0 1 */10 * 0"), [1, 8, 11, 15, 21, 22, 29], "a step is no star");
    assert_eq!(days("0 1 ? * 0"), [1, 8, 15, 22, 29]);
    assert_eq!(days("0 1 * dec *"), [0; 0]);
    assert_eq!(days("@weekly"), [1, 8, 15, 22, 29]);
    assert!(due("0 0 29 2 *", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"));
    assert!(!due("0 0 29 2 *", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"));
}

#[test]
fn zones_are_not_known() {
    let certain = |schedule: &str, from: &str, until: &str| {
        Schedule::parse(schedule).expect("a schedule").is_certain_within(at(from), at(until))
    };
    let (morning, noon) = ("2026-11-22T06:00:00Z", "2026-11-22T12:00:00Z");
    assert!(certain("*/15 * * * *", morning, noon));
    assert!(!certain("0 9 * * *", morning, noon), "it may be nine elsewhere");
    assert!(certain("0 9 * * *", "2026-11-21T12:00:00Z", noon));
    assert!(certain("CRON_TZ=Asia/Tokyo 0 9 * * *", "2026-11-21T12:00:00Z", noon));
    assert!(!certain("@monthly", "2026-11-02T00:00:00Z", "2026-11-29T00:00:00Z"));
    assert!(certain("@monthly", "2026-11-02T00:00:00Z", "2026-12-02T00:00:00Z"));
}

#[test]
fn what_is_no_schedule_is_not_understood() {
    for text in [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* * 0 * *",
        "* * * * 7",
        "5-1 * * * *",
        "*/0 * * * *",
        "x * * * *",
        "@every 1h",
    ] {
        assert_eq!(Schedule::parse(text), None, "{text:?}");
    }
}
