//! What a Prometheus says of what it keeps.

/// What a Prometheus says of what it keeps in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prometheus {
    /// Where it is.
    pub server: String,
    /// How many series it has.
    pub series: u64,
    /// How many it had a day ago, if it watches itself.
    pub day_ago: Option<u64>,
    /// The metrics with the most series, the largest first.
    pub by_metric: Vec<(String, u64)>,
    /// The labels with the most values, the largest first.
    pub by_label: Vec<(String, u64)>,
}
