//! How many series a Prometheus keeps.

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::units::{percent, share};

/// Queries over more series than these are slow, and what draws them for people waits.
const SLOW: u64 = 10_000;
/// A metric of so many is most of the memory of a usual server.
const HUGE: u64 = 100_000;
/// A server of so few fits everywhere, however fast it grows.
const SMALL: u64 = 100_000;
/// Growth by so much in a day is none of new machines.
const FAST: f64 = 0.5;

pub(crate) const CHECK: Check = Check {
    id: "prometheus/series",
    group: Group::Prometheus,
    severity: Severity::Warning,
    title: "a metric has very many series, or their number grows fast",
    meaning: "Each combination of values of labels is a series that costs memory for as long as it is written, and a query that \
              matches ten thousand of them is slow. A server whose series grow without bound ends for want of memory, just when \
              somebody wants to look at it.",
    basis: &[
        "https://prometheus.io/docs/practices/naming/#labels",
        "https://prometheus.io/docs/prometheus/latest/querying/api/#tsdb-stats",
    ],
    needs: &[Need::Prometheus],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let known = &facts.prometheus;
    let source = format!("{}/api/v1/status/tsdb", known.server);
    for (metric, count) in known.by_metric.iter().filter(|(_, count)| *count >= SLOW) {
        let part = percent(share(*count, known.series));
        let evidence = vec![
            Evidence::new(format!("series of {metric}"), count, &source),
            Evidence::new("of all", part, &source),
        ];
        let severity = if *count >= HUGE { Severity::Warning } else { Severity::Info };
        let summary = format!("the metric {metric} has very many series: {count}");
        let advice = "see which label makes them (`count by (LABEL) ({__name__=\"…\"})`); record what is asked for often with a rule, drop \
                      buckets or the metric where it is scraped, but never a label that tells series apart";
        findings.add(severity, subject(facts), summary, advice, evidence);
    }
    let Some(before) = known.day_ago.filter(|before| *before > 0 && known.series >= SMALL) else { return };
    let grown = share(known.series.saturating_sub(before), before);
    if grown >= FAST {
        let evidence = vec![
            Evidence::new("series", known.series, &source),
            Evidence::new("a day ago", before, format!("{}, prometheus_tsdb_head_series", known.server)),
        ];
        let summary = format!("the number of its series has grown by {} in a day", percent(grown));
        let advice = "see which metric or job is new (`topk(10, count by (job) ({__name__!=\"\"}))`), and set sample_limit and \
                      label_value_length_limit for what is scraped";
        findings.add(Severity::Warning, subject(facts), summary, advice, evidence);
    }
}
