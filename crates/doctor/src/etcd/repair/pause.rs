//! For how long nobody took a write while something was done, as a client sees it that goes to another member when one does
//! not answer.

use std::fmt;
use std::time::Duration;

use stanchion_doctor_core::Seconds;
use stanchion_etcd_api::etcdserverpb::{DeleteRangeRequest, PutRequest};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::super::connection::Endpoint;

/// The key that is written.
const KEY: &[u8] = b"stanchion.dev/doctor/pause";
/// Between two writes: 50 in a second are no load.
const BETWEEN: Duration = Duration::from_millis(20);
/// After so long without an answer the next member is asked.
const PATIENCE: Duration = Duration::from_millis(500);
/// Deleting the key at the end takes no longer.
const END: Duration = Duration::from_secs(5);

/// What was seen of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pauses {
    /// How many were taken.
    pub taken: u64,
    /// How many were refused, or not answered in time.
    pub failed: u64,
    /// The longest time between two that were taken, or since the last one; none if none was.
    pub longest: Option<Duration>,
}

/// Writes that go on until they are stopped; dropped, they end at once.
#[derive(Debug)]
pub struct WritePauses {
    stop: Option<oneshot::Sender<()>>,
    writer: JoinHandle<Pauses>,
}

impl WritePauses {
    pub(super) fn start(endpoints: Vec<Endpoint>) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop: Some(stop), writer: tokio::spawn(write(endpoints, stopped)) }
    }

    /// Ends the writes, removes their key, and says what was seen of them.
    pub async fn stop(mut self) -> Pauses {
        // The other end of it sees that.
        drop(self.stop.take());
        (&mut self.writer).await.unwrap_or_default()
    }
}

impl Drop for WritePauses {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

async fn write(endpoints: Vec<Endpoint>, mut stopped: oneshot::Receiver<()>) -> Pauses {
    let mut pauses = Pauses::default();
    let (mut at, mut last) = (0, None);
    let mut ended = false;
    while !ended && !endpoints.is_empty() {
        let taken = put(&endpoints[at % endpoints.len()]).await;
        if taken {
            pauses.taken += 1;
            pauses.lasted(last);
            last = Some(Instant::now());
        } else {
            pauses.failed += 1;
            at += 1;
        }
        ended = timeout(BETWEEN, &mut stopped).await.is_ok();
    }
    pauses.lasted(last);
    for endpoint in &endpoints {
        let request = DeleteRangeRequest { key: KEY.into(), ..DeleteRangeRequest::default() };
        if matches!(timeout(END, endpoint.kv().delete_range(request)).await, Ok(Ok(_))) {
            return pauses;
        }
    }
    tracing::warn!(key = %String::from_utf8_lossy(KEY), "a key that was written for a measurement is left");
    pauses
}

async fn put(endpoint: &Endpoint) -> bool {
    let request = PutRequest { key: KEY.into(), value: b"x".as_slice().into(), ..PutRequest::default() };
    matches!(timeout(PATIENCE, endpoint.kv().put(request)).await, Ok(Ok(_)))
}

impl fmt::Display for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken, failed, longest } = self;
        f.write_str("longest time without a write that was taken: ")?;
        match longest {
            Some(longest) => Seconds(*longest).fmt(f)?,
            None => f.write_str("none was")?,
        }
        write!(f, " ({taken} taken, {failed} refused or late)")
    }
}

impl Pauses {
    /// Counts the time since the last write that was taken.
    fn lasted(&mut self, last: Option<Instant>) {
        if let Some(last) = last {
            self.longest = self.longest.max(Some(last.elapsed()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_said_in_a_line() {
        let none = Pauses { failed: 3, ..Pauses::default() };
        assert_eq!(
            none.to_string(),
            "longest time without a write that was taken: none was (0 taken, 3 refused or late)"
        );
        let some = Pauses { taken: 9, failed: 0, longest: Some(Duration::from_millis(1_500)) };
        assert_eq!(
            some.to_string(),
            "longest time without a write that was taken: 1.5 s (9 taken, 0 refused or late)"
        );
    }
}
