use super::*;

#[test]
fn rows_show_medians_extremes_and_the_ratio() {
    let mut report = Report::default();
    for (ours, theirs) in [(2_000.0, 1_000.0), (3_000.0, 900.0), (2_500.0, 1_100.0)] {
        report.add("put", "16 clients", Kind::Stanchion, THROUGHPUT, ours);
        report.add("put", "16 clients", Kind::Etcd, THROUGHPUT, theirs);
    }
    report.add("memory", "10 keys", Kind::Etcd, LOADED_DISK, 64.25);
    assert_eq!(
        markdown(&report.lines()),
        "
### put

| case | figure | stanchion | etcd | stanchion / etcd |
|:--|:--|--:|--:|--:|
| 16 clients | throughput, 1/s | 2,500 (2,000–3,000) | 1,000 (900–1,100) | 2.50 |

### memory

| case | figure | stanchion | etcd | stanchion / etcd |
|:--|:--|--:|--:|--:|
| 10 keys | disk after loading, MiB | – | 64.2 | – |
"
    );
}

#[test]
fn numbers_keep_three_digits() {
    for (value, text) in [(0.1234, "0.123"), (12.34, "12.3"), (123.4, "123"), (1_234_567.8, "1,234,568")] {
        assert_eq!(table::number(value), text);
    }
}

#[test]
fn a_ratio_to_nothing_is_none() {
    let mut report = Report::default();
    report.add("put", "1 client", Kind::Stanchion, CLIENT_CPU, 1.0);
    report.add("put", "1 client", Kind::Etcd, CLIENT_CPU, 0.0);
    assert_eq!(report.lines()[0].ratio, None);
}
