//! How many requests are carried out at a time. The others wait, unless too many wait already.
//!
//! Watches need no seat: they have a limit of their own. Neither does the administrator, who may have to help.

use std::sync::atomic::{AtomicUsize, Ordering};

use stanchion_machinery::status::{Reason, Status};
use tokio::sync::{Semaphore, SemaphorePermit};

/// As many as kube-apiserver carries out: 400 that read and 200 that write.
const SEATS: usize = 600;
/// How many may wait.
const WAITING: usize = 10_000;

/// The seats.
#[derive(Debug)]
pub(crate) struct Seats {
    free: Semaphore,
    waiting: AtomicUsize,
    may_wait: usize,
}

impl Default for Seats {
    fn default() -> Self {
        Self::new(SEATS, WAITING)
    }
}

impl Seats {
    fn new(seats: usize, may_wait: usize) -> Self {
        Self { free: Semaphore::new(seats), waiting: AtomicUsize::new(0), may_wait }
    }

    /// Takes a seat until the permit is dropped; waits for one, or fails if too many do.
    pub(crate) async fn take(&self) -> Result<SemaphorePermit<'_>, Status> {
        if let Ok(permit) = self.free.try_acquire() {
            return Ok(permit);
        }
        let _place = Place::of(&self.waiting);
        if self.waiting.load(Ordering::Relaxed) > self.may_wait {
            return Err(too_many());
        }
        self.free.acquire().await.map_err(|_| too_many())
    }
}

fn too_many() -> Status {
    Status::new(Reason::TooManyRequests, "too many requests, please try again later").retry_after(1)
}

/// One who waits, also if the wait is given up.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn of(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn some_sit_some_wait_and_the_rest_is_sent_away() {
        let seats = Seats::new(1, 1);
        let sits = seats.take().await.expect("a seat is free");
        let waits = seats.take();
        let mut waits = std::pin::pin!(waits);
        let soon = Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, waits.as_mut()).await.is_err(), "it waits");
        assert_eq!(seats.take().await.err().map(|status| status.code), Some(429));
        drop(sits);
        assert!(waits.await.is_ok());
        assert_eq!(seats.waiting.load(Ordering::Relaxed), 0);
        assert!(seats.take().await.is_ok());
    }
}
