//! Bodies: read within bounds, answered whole or as a stream.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use stanchion_machinery::status::{Reason, Status};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The largest body that is read.
pub(crate) const LIMIT: usize = 3 * 1024 * 1024;
/// Bytes of bodies that are held at a time; what is made of them takes many times as much.
const HELD: usize = 64 * 1024 * 1024;

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    /// All of it.
    Whole(Option<Bytes>),
    /// Parts as they come; ends when the sender is dropped.
    Stream(mpsc::Receiver<Bytes>),
    /// Parts that come from elsewhere, which may fail before the end.
    Relay(mpsc::Receiver<Result<Bytes, Broken>>),
}

/// An answer that has begun cannot be finished; the connection ends so that the client sees it.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off: {0}")]
pub(crate) struct Broken(pub(crate) String);

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(parts) => {
                parts.poll_recv(context).map(|part| part.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Relay(parts) => parts.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Stream(_) | Self::Relay(_) => SizeHint::default(),
        }
    }
}

/// How much of bodies the server holds at a time.
#[derive(Clone, Debug)]
pub(crate) struct Intake(Arc<Semaphore>);

impl Default for Intake {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(HELD)))
    }
}

/// The body of a request; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    _counted: Option<OwnedSemaphorePermit>,
}

impl Intake {
    /// Reads the body of a request, up to the limit.
    pub(crate) async fn read<B>(&self, body: B) -> Result<Held, Status>
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if body.size_hint().lower() > LIMIT as u64 {
            return Err(too_large());
        }
        let mut body = pin!(body);
        let (mut parts, mut length, mut counted) = (Vec::new(), 0, None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Status::bad_request(format!("the body could not be read: {}", error.into()))
            })?;
            let Ok(part) = frame.into_data() else { continue };
            length += part.len();
            if length > LIMIT {
                return Err(too_large());
            }
            merge(&mut counted, self.count(part.len())?);
            parts.push(part);
        }
        let bytes = match parts.len() {
            0 | 1 => parts.pop().unwrap_or_default(),
            _ => Bytes::from(parts.concat()),
        };
        Ok(Held { bytes, _counted: counted })
    }

    fn count(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Status> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Arc::clone(&self.0).try_acquire_many_owned(bytes).map(Some).map_err(|_| {
            let text = "the server holds too many bodies of requests, please try again later";
            Status::new(Reason::TooManyRequests, text).retry_after(1)
        })
    }
}

fn merge(counted: &mut Option<OwnedSemaphorePermit>, more: Option<OwnedSemaphorePermit>) {
    match (counted, more) {
        (Some(counted), Some(more)) => counted.merge(more),
        (counted @ None, more) => *counted = more,
        (Some(_), None) => {}
    }
}

fn too_large() -> Status {
    Status::new(Reason::RequestEntityTooLarge, format!("Request entity too large: limit is {LIMIT}"))
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn bodies_are_counted_until_they_are_dropped() {
        let intake = Intake(Arc::new(Semaphore::new(10)));
        let read = async |length: usize| intake.read(Full::new(Bytes::from(vec![0; length]))).await;
        let first = read(7).await.expect("room");
        assert_eq!(first.bytes.len(), 7);
        assert_eq!(read(4).await.err().map(|status| status.code), Some(429));
        drop(first);
        assert!(read(10).await.is_ok() && read(0).await.is_ok());
        assert_eq!(read(LIMIT + 1).await.err().map(|status| status.code), Some(413));
    }
}
