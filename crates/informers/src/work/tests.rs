use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("not yet")]
struct NotYet;

impl Failure for NotYet {
    fn is_stale(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn failures_and_panics_are_tried_again() {
    let (queue, stop, looks) = (Queue::default(), CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let (count, stopping) = (Arc::clone(&looks), stop.clone());
    queue.add("key");
    let reconcile = move |_| {
        let (look, stop) = (count.fetch_add(1, Ordering::SeqCst), stopping.clone());
        async move {
            match look {
                0 => Err(NotYet),
                1 => panic!("a bug"),
                2 => Ok(Next::After(Duration::from_secs(7))),
                _ => {
                    stop.cancel();
                    Ok(Next::Change)
                }
            }
        }
    };
    let begin = Instant::now();
    work("test", queue, 2, reconcile, stop).await;
    assert_eq!((looks.load(Ordering::SeqCst), begin.elapsed().as_secs()), (4, 7));
}
