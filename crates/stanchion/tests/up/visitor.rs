//! Those who use a Service: one question, or one after the other for as long as something else goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::wait_for;

/// Between two visits.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks a Service for its first page. Returns the page if that went well.
pub(crate) async fn ask(address: &str) -> Option<String> {
    let address: SocketAddr = format!("{address}:80").parse().expect("an address");
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, page) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.ends_with("200 OK").then(|| page.trim_end().to_owned())
}

/// Asks a Service again and again; ends with this value.
#[derive(Debug)]
pub(crate) struct Visitor {
    seen: Arc<Mutex<Vec<Option<String>>>>,
    task: JoinHandle<()>,
}

impl Visitor {
    /// Begins to ask.
    pub(crate) fn begin(address: &str) -> Self {
        let (address, seen) = (address.to_owned(), Arc::<Mutex<Vec<_>>>::default());
        let written = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let page = ask(&address).await;
                written.lock().push(page);
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { seen, task }
    }

    /// Returns the pages of the next `count` visits, of which none may fail.
    pub(crate) async fn next(&self, count: usize) -> Vec<String> {
        let begin = self.seen.lock().len();
        wait_for("nobody visits any more", async || (self.seen.lock().len() >= begin + count).then_some(()))
            .await;
        self.unbroken();
        self.seen.lock()[begin..].iter().flatten().cloned().collect()
    }

    /// Panics if a visit has failed so far.
    #[track_caller]
    pub(crate) fn unbroken(&self) {
        let seen = self.seen.lock();
        let failed = seen.iter().filter(|page| page.is_none()).count();
        assert_eq!(failed, 0, "of {} visits some have failed", seen.len());
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}
