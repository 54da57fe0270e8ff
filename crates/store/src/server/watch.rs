//! The Watch service.

use prost::Message;
use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_store_core::{Revision, StoreError};
use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::Service;
use super::confine::Home;
use super::meter::Method;
use super::status::{name, status};
use super::wire;
use crate::watch::{Notice, WatchHandle, WatchSpec, WatchStream};

const SERVICE: &str = "etcdserverpb.Watch";
/// Messages that may wait for one client; behind them events wait in the mailbox, and behind that in the log.
const MESSAGES: usize = 16;
/// The id in answers that belong to no watch.
const NO_WATCH: i64 = -1;
/// How long a client that asks faster than it listens is left waiting at a time.
const BACKED_UP_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

type Answer = Result<pb::WatchResponse, Status>;

/// Watches whose messages are to be cut into fragments.
type Fragmented = Arc<Mutex<HashSet<i64>>>;

#[tonic::async_trait]
impl pb::watch_server::Watch for Service {
    type WatchStream = ReceiverStream<Answer>;

    async fn watch(
        &self,
        request: Request<Streaming<pb::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        const METHOD: Method = Method(SERVICE, "Watch");
        METHOD.begin(self);
        let (handle, stream) = self.store.watch();
        let (answers, receiver) = mpsc::channel(MESSAGES);
        let (service, home) = (self.clone(), Home::of(&request));
        tokio::spawn(async move {
            let session = Session { service, home, handle, answers, fragmented: Fragmented::default() };
            let ended = session.run(request.into_inner(), stream).await;
            METHOD.end(&session.service, ended.as_ref().err().map_or(Code::Ok, Status::code));
            if let Err(status) = ended {
                // Nobody may be listening any more.
                drop(session.answers.send(Err(status)).await);
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// One client's stream of watches.
struct Session {
    service: Service,
    /// The keys that the client may use.
    home: Home,
    handle: WatchHandle,
    answers: mpsc::Sender<Answer>,
    fragmented: Fragmented,
}

impl Session {
    async fn run(&self, requests: Streaming<pb::WatchRequest>, stream: WatchStream) -> Result<(), Status> {
        tokio::select! {
            ended = self.receive(requests) => ended,
            ended = self.tell(stream) => ended,
            () = self.tick() => Ok(()),
            () = self.answers.closed() => Ok(()),
            () = self.service.stopped() => Err(status(&StoreError::Stopped)),
        }
    }

    /// Takes requests until the client ends its side.
    async fn receive(&self, mut requests: Streaming<pb::WatchRequest>) -> Result<(), Status> {
        use pb::watch_request::RequestUnion;
        while let Some(request) = requests.message().await? {
            while self.handle.is_backed_up() {
                tokio::time::sleep(BACKED_UP_PAUSE).await;
            }
            match request.request_union {
                Some(RequestUnion::CreateRequest(create)) => {
                    let (fragment, spec) = (create.fragment, wire::watch_spec(create));
                    match self.home.admit(&spec.range) {
                        Ok(()) => self.create(spec, fragment),
                        Err(error) if self.answers.send(Ok(self.refusal(&error))).await.is_ok() => {}
                        // Nobody listens any more.
                        Err(_) => return Ok(()),
                    }
                }
                Some(RequestUnion::CancelRequest(cancel)) => {
                    self.handle.cancel(cancel.watch_id);
                }
                Some(RequestUnion::ProgressRequest(_)) => self.handle.request_progress(),
                None => {}
            }
        }
        Ok(())
    }

    /// Returns the answer to a watch of keys that the client may not see, as etcd has it.
    fn refusal(&self, error: &StoreError) -> pb::WatchResponse {
        let status = status(error);
        pb::WatchResponse {
            header: Some(self.service.header(self.service.store.revision())),
            watch_id: NO_WATCH,
            created: true,
            canceled: true,
            cancel_reason: format!("rpc error: code = {} desc = {}", name(status.code()), status.message()),
            ..pb::WatchResponse::default()
        }
    }

    fn create(&self, spec: WatchSpec, fragment: bool) {
        // The lock is held until the id is known to be fragmented, so that no event is told before.
        let mut fragmented = self.fragmented.lock();
        if let Some(id) = self.handle.create(spec)
            && fragment
        {
            fragmented.insert(id);
        }
    }

    /// Tells the client what its watches see.
    async fn tell(&self, mut stream: WatchStream) -> Result<(), Status> {
        while let Some(notice) = stream.next().await.map_err(|error| status(&error))? {
            for answer in self.answers_of(notice) {
                if self.answers.send(Ok(answer)).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn tick(&self) {
        loop {
            tokio::time::sleep(self.service.progress_interval).await;
            self.handle.tell_progress();
        }
    }

    fn answers_of(&self, notice: Notice) -> Vec<pb::WatchResponse> {
        let answer = |id: i64, revision: Revision| pb::WatchResponse {
            header: Some(self.service.header(revision)),
            watch_id: id,
            ..pb::WatchResponse::default()
        };
        vec![match notice {
            Notice::Created { id, revision } => pb::WatchResponse { created: true, ..answer(id, revision) },
            Notice::Refused { revision, error } => pb::WatchResponse {
                created: true,
                canceled: true,
                cancel_reason: error.to_string(),
                ..answer(NO_WATCH, revision)
            },
            Notice::Canceled { id, revision } => {
                self.fragmented.lock().remove(&id);
                pb::WatchResponse { canceled: true, ..answer(id, revision) }
            }
            Notice::Compacted { id, revision, compacted } => {
                self.fragmented.lock().remove(&id);
                pb::WatchResponse { canceled: true, compact_revision: compacted.0, ..answer(id, revision) }
            }
            Notice::Progress { id, revision } => answer(id.unwrap_or(NO_WATCH), revision),
            Notice::Events { id, revision, events } => {
                let events = events.into_iter().map(wire::event).collect();
                let whole = pb::WatchResponse { events, ..answer(id, revision) };
                if self.fragmented.lock().contains(&id) {
                    return fragments(whole, self.service.store.limits().request_bytes);
                }
                whole
            }
        }]
    }
}

/// Cuts an answer into pieces of at most `bound` bytes, of at least one event each.
fn fragments(whole: pb::WatchResponse, bound: usize) -> Vec<pb::WatchResponse> {
    if whole.encoded_len() <= bound || whole.events.len() < 2 {
        return vec![whole];
    }
    let frame = pb::WatchResponse { events: Vec::new(), fragment: true, ..whole.clone() };
    let (mut pieces, mut size) = (vec![frame.clone()], frame.encoded_len());
    for event in whole.events {
        // The tag and the length in front of the event.
        let bytes = event.encoded_len() + 6;
        let current = pieces.last_mut().expect("there is always a piece");
        if size + bytes > bound && !current.events.is_empty() {
            size = frame.encoded_len() + bytes;
            pieces.push(pb::WatchResponse { events: vec![event], ..frame.clone() });
        } else {
            size += bytes;
            current.events.push(event);
        }
    }
    if let Some(last) = pieces.last_mut() {
        last.fragment = false;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use stanchion_etcd_api::mvccpb;

    #[test]
    fn fragments_hold_every_event_once_and_only_the_last_is_no_fragment() {
        let kv = mvccpb::KeyValue { value: bytes::Bytes::from(vec![7; 100]), ..mvccpb::KeyValue::default() };
        let event = |revision| mvccpb::Event {
            kv: Some(mvccpb::KeyValue { mod_revision: revision, ..kv.clone() }),
            ..mvccpb::Event::default()
        };
        let whole =
            pb::WatchResponse { events: (1..=10).map(event).collect(), ..pb::WatchResponse::default() };
        let pieces = fragments(whole.clone(), 300);
        assert!(pieces.len() > 3, "{}", pieces.len());
        assert!(pieces.iter().all(|piece| piece.encoded_len() <= 300));
        let marks: Vec<_> = pieces.iter().map(|piece| piece.fragment).collect();
        assert_eq!(marks.iter().filter(|mark| !**mark).count(), 1);
        assert_eq!(marks.last(), Some(&false));
        let events: Vec<_> = pieces.into_iter().flat_map(|piece| piece.events).collect();
        assert_eq!(events, whole.events);
        assert_eq!(fragments(whole.clone(), 100_000), [whole]);
    }
}
