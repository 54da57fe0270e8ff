//! The story of a change of primary, as text.

use std::fmt::Write as _;

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::tz::TimeZone;
use stanchion_api::{FailoverStatus, MomentStatus};

use super::text::{age, milliseconds};

/// Tells a change of primary: one line on what and why, then a line for each moment. `margin` stands before those.
pub(crate) fn tell(story: &FailoverStatus, now: Timestamp, margin: &str) -> String {
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "nobody yet".to_owned());
    let mut text = format!("term {}: {} to {}", story.term, name(&story.from), name(&story.to));
    let moments: Vec<(&MomentStatus, Option<Timestamp>)> =
        story.moments.iter().map(|moment| (moment, instant(moment))).collect();
    if let Some(last) = moments.last().and_then(|(_, at)| *at) {
        write!(text, ", {} ago", age(now.as_second() - last.as_second())).expect("a text can be written to");
    }
    if let Some(cause) = &story.cause {
        write!(text, ", because {cause}").expect("a text can be written to");
    }
    text.push('\n');
    let mut before: Option<Timestamp> = None;
    for (moment, at) in &moments {
        let clock = at.map_or_else(|| moment.at.clone(), clock);
        let since = before.zip(*at).map(|(before, at)| at.as_millisecond() - before.as_millisecond());
        let since = since.map(|since| format!("+{}", milliseconds(since))).unwrap_or_default();
        writeln!(text, "{margin}{clock}  {since:>10}  {}", step(&moment.step))
            .expect("a text can be written to");
        before = at.or(before);
    }
    let ends = moments.first().and_then(|(_, at)| *at).zip(before);
    if let Some((first, last)) = ends.filter(|_| moments.len() > 1) {
        let took = milliseconds(last.as_millisecond() - first.as_millisecond());
        writeln!(text, "{margin}{took} from the first to the last").expect("a text can be written to");
    }
    if let Some(position) = &story.position {
        writeln!(text, "{margin}the new primary held {position}").expect("a text can be written to");
    }
    if !story.unasked.is_empty() {
        let names = story.unasked.join(", ");
        writeln!(text, "{margin}acknowledged writes may be lost: {names} could not be asked")
            .expect("a text can be written to");
    }
    text
}

/// Returns when a moment was.
pub(crate) fn instant(moment: &MomentStatus) -> Option<Timestamp> {
    moment.at.parse().ok()
}

/// Says what a step is. Steps of a newer manager are told by their names.
pub(crate) fn step(step: &str) -> &str {
    match step {
        "LastGoodHeartbeat" => "last report of the old primary",
        "Suspected" => "the old primary is suspect",
        "Verdict" => "it is given up, or asked to hand over",
        "Fenced" => "nobody accepts anything from it any more",
        "Promoted" => "the new primary is chosen",
        "Writable" => "the new primary is writable",
        other => other,
    }
}

fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_has_the_time_between_its_moments() {
        let moment = |step: &str, at: &str| MomentStatus { step: step.to_owned(), at: at.to_owned() };
        let story = FailoverStatus {
            term: 4,
            from: Some("orders-0".to_owned()),
            to: Some("orders-1".to_owned()),
            cause: Some("its database ended: killed by signal 9".to_owned()),
            moments: vec![
                moment("LastGoodHeartbeat", "2026-11-22T10:00:00.100Z"),
                moment("Verdict", "2026-11-22T10:00:00.150Z"),
                moment("Writable", "2026-11-22T10:00:00.390Z"),
            ],
            position: Some("0-1003-17".to_owned()),
            unasked: vec!["orders-2".to_owned()],
        };
        let now: Timestamp = "2026-11-22T10:01:00Z".parse().expect("a time");
        let expected = "\
term 4: orders-0 to orders-1, 60 s ago, because its database ended: killed by signal 9
  10:00:00.100              last report of the old primary
  10:00:00.150      +50 ms  it is given up, or asked to hand over
  10:00:00.390     +240 ms  the new primary is writable
  290 ms from the first to the last
  the new primary held 0-1003-17
  acknowledged writes may be lost: orders-2 could not be asked
";
        assert_eq!(tell(&story, now, "  "), expected);
    }
}
