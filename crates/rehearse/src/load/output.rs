//! What sysbench says.

use std::time::Duration;

use serde::Serialize;

use super::LoadError;

/// One second of load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// When it ended, since the load began.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub at: Duration,
    /// Transactions per second.
    pub transactions: f64,
}

impl Sample {
    /// Reads a line of a report.
    pub(super) fn parse(line: &str, at: Duration) -> Option<Self> {
        let (_, rest) = line.strip_prefix('[')?.split_once("tps:")?;
        let transactions = rest.split_whitespace().next()?.parse().ok()?;
        Some(Self { at, transactions })
    }
}

/// What a run measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Throughput {
    /// Transactions per second.
    pub transactions: f64,
    /// 95 of 100 transactions took no longer, in milliseconds.
    pub p95_milliseconds: f64,
    /// Errors that it went on after, as deadlocks.
    pub errors: u64,
}

impl Throughput {
    pub(super) fn parse(text: &str) -> Result<Self, LoadError> {
        let after = |name: &'static str| {
            let found = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
            found.map(str::trim).ok_or(LoadError::Unread(name))
        };
        let transactions = after("transactions:")?.split_once('(').map(|(_, rest)| rest);
        let transactions = transactions.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        let errors = after("ignored errors:")?.split_whitespace().next();
        Ok(Self {
            transactions: transactions.ok_or(LoadError::Unread("rate of transactions"))?,
            p95_milliseconds: after("95th percentile:")?.parse().map_err(|_| LoadError::Unread("latency"))?,
            errors: errors.and_then(|word| word.parse().ok()).ok_or(LoadError::Unread("errors"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_read() {
        let line = "[ 3s ] thds: 2 tps: 3907.98 qps: 23543.85 (r/w/o: 0.00/15686.90/7856.95) lat (ms,95%): 0.75 \
                    err/s: 41.00 reconn/s: 0.00";
        let at = Duration::from_secs(3);
        assert_eq!(Sample::parse(line, at), Some(Sample { at, transactions: 3907.98 }));
        assert_eq!(Sample::parse("Threads started!", at), None);
    }

    #[test]
    fn a_run_is_read() {
        let text = "SQL statistics:\n    transactions:                        6320   (3157.16 per sec.)\n    \
                    ignored errors:                      95     (47.46 per sec.)\nLatency (ms):\n         \
                    95th percentile:                        1.21\n";
        let expected = Throughput { transactions: 3157.16, p95_milliseconds: 1.21, errors: 95 };
        assert_eq!(Throughput::parse(text).expect("it is complete"), expected);
        let error = Throughput::parse("transactions: none").expect_err("it is not");
        assert!(matches!(error, LoadError::Unread(_)), "{error}");
    }
}
