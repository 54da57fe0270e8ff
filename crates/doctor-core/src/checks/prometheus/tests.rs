use crate::checks::given::{facts, found_in};
use crate::facts::prometheus::Prometheus;
use crate::severity::Severity;

fn found(of: impl FnOnce(&mut Prometheus)) -> Vec<(&'static str, Severity, String)> {
    let mut facts = facts(&[]);
    facts.prometheus = Prometheus {
        server: "http://prometheus:9090".to_owned(),
        series: 400_000,
        day_ago: Some(380_000),
        by_metric: vec![("up".to_owned(), 900)],
        by_label: vec![("pod".to_owned(), 3_000)],
    };
    of(&mut facts.prometheus);
    found_in(&facts).into_iter().map(|finding| (finding.check, finding.severity, finding.summary)).collect()
}

#[test]
fn metrics_and_labels_without_bound() {
    assert_eq!(found(|_| {}), []);
    let said = found(|known| {
        known.by_metric = vec![("http_requests".to_owned(), 150_000), ("up".to_owned(), 12_000)];
    });
    let severities: Vec<_> = said.iter().map(|(check, severity, _)| (*check, *severity)).collect();
    assert_eq!(severities, [("prometheus/series", Severity::Warning), ("prometheus/series", Severity::Info)]);
    let said =
        found(|known| known.by_label = vec![("user_id".to_owned(), 50_000), ("pod".to_owned(), 20_000)]);
    assert_eq!(
        said[0],
        ("prometheus/labels", Severity::Warning, "the label user_id has very many values: 50000".to_owned())
    );
    assert_eq!(said[1].1, Severity::Info, "there are as many as there are Pods");
}

#[test]
fn series_that_grow() {
    let said = found(|known| known.day_ago = Some(200_000));
    assert_eq!(
        said,
        [(
            "prometheus/series",
            Severity::Warning,
            "the number of its series has grown by 100 % in a day".to_owned()
        )]
    );
    assert_eq!(found(|known| known.day_ago = None), []);
    assert_eq!(found(|known| (known.series, known.day_ago) = (50_000, Some(10_000))), [], "it is small");
    assert_eq!(found(|known| known.day_ago = Some(900_000)), []);
}
