//! A client that keeps writing, as one with all members' addresses does: it goes to another when one does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stanchion_etcd_api::etcdserverpb::PutRequest;
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

/// After so long it goes to the next.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two writes.
const BETWEEN: Duration = Duration::from_millis(5);

/// A client that keeps writing until it is asked what it saw.
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Seen>,
}

/// What a client saw of its writes.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How many were acknowledged.
    pub(crate) taken: u64,
    /// How many were refused, or not answered in time.
    pub(crate) failed: u64,
    /// When the first was acknowledged.
    pub(crate) first: Option<Duration>,
    /// The longest time between two that were.
    pub(crate) longest: Duration,
}

impl Writer {
    /// Begins to write.
    pub(crate) fn start(endpoints: &[String]) -> Self {
        let channel = |url: &String| {
            let endpoint = Channel::from_shared(url.clone()).expect("a URL").connect_timeout(PATIENCE);
            KvClient::new(endpoint.connect_lazy())
        };
        let clients: Vec<_> = endpoints.iter().map(channel).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        Self { stop, task: tokio::spawn(async move { write(clients, &stopped).await }) }
    }

    /// Ends the writes, and returns what was seen.
    pub(crate) async fn seen(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the writer does not fail")
    }
}

async fn write(mut clients: Vec<KvClient<Channel>>, stop: &AtomicBool) -> Seen {
    let (mut seen, start) = (Seen::default(), Instant::now());
    let (mut at, mut last) = (0, None::<Instant>);
    while !stop.load(Ordering::Relaxed) {
        let count = clients.len();
        let request = PutRequest {
            key: b"/writer".as_slice().into(),
            value: b"x".as_slice().into(),
            ..PutRequest::default()
        };
        if matches!(tokio::time::timeout(PATIENCE, clients[at % count].put(request)).await, Ok(Ok(_))) {
            seen.taken += 1;
            seen.first.get_or_insert(start.elapsed());
            seen.longest = seen.longest.max(last.map(|last| last.elapsed()).unwrap_or_default());
            last = Some(Instant::now());
        } else {
            seen.failed += 1;
            at += 1;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    seen
}
