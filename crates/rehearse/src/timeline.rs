//! A rehearsal as text, an event a line.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::summary::Summary;

/// Lays a rehearsal out, with times relative to its first mark, which is the fault.
pub fn render(summary: &Summary) -> String {
    let Summary { gap, marks, verdict, before, after, .. } = summary;
    let fault = marks.first().map_or(gap.start, |mark| mark.at);
    let mut events: Vec<(Duration, String)> = marks.iter().map(|mark| (mark.at, mark.what.clone())).collect();
    events.push((gap.start, "last row acknowledged before the gap".to_owned()));
    events.extend(gap.failures.iter().map(|seen| {
        let until = match seen.count {
            1 => "once".to_owned(),
            count => format!("{count} times until {}", relative(seen.last, fault)),
        };
        (seen.first, format!("{} ({until})", seen.what))
    }));
    events.push((
        gap.end,
        match gap.ended_by {
            Some(number) => {
                format!("row {number} acknowledged: the gap was {:.3} s", gap.length().as_secs_f64())
            }
            None => format!("nothing acknowledged for {:.3} s, until the end", gap.length().as_secs_f64()),
        },
    ));
    events.sort_by_key(|(at, _)| *at);
    let lines = events.into_iter().map(|(at, what)| format!("{:>12}  {what}\n", relative(at, fault)));
    let latency = |name, latency: &crate::Latency| {
        format!(
            "{name}: {} rows, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms\n",
            latency.rows,
            latency.p50.as_secs_f64() * 1e3,
            latency.p99.as_secs_f64() * 1e3,
            latency.max.as_secs_f64() * 1e3
        )
    };
    let verdict = format!(
        "of {} acknowledged rows {} are lost, {} are there twice; {} were never sent; of unknown outcome: {} there, {} \
         not\n",
        verdict.acknowledged,
        verdict.lost,
        verdict.twice,
        verdict.never_sent,
        verdict.unknown_there,
        verdict.unknown_absent
    );
    lines.chain([latency("before", before), latency("after", after), verdict]).collect()
}

fn relative(at: Duration, fault: Duration) -> String {
    format!("{:+.3} s", at.as_secs_f64() - fault.as_secs_f64())
}
