//! Data made anew from another instance, which its agent sends.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use stanchion_engine::mariadb::{Process, Restore};
use stanchion_ha_core::Position;
use tokio::net::TcpStream;

use super::{HandError, Hands};
use crate::frames::Frames;
use crate::supervisor::Stepped;

/// How long the other agent may take until its answer begins.
const ANSWER: Duration = Duration::from_secs(10);
/// How long an orderly end may take.
const STOP: Duration = Duration::from_mins(1);
/// So much of a refusal is read.
const REFUSAL: usize = 4096;

/// Whom to copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// Where its agent is.
    pub(crate) agent: SocketAddr,
    /// What it holds at least.
    pub(crate) held: Position,
}

impl Hands {
    /// Ends the database, saves what lies behind `after`, and puts a copy of `source` in its place. Why that fails is remembered until it succeeds.
    pub(crate) async fn copy(
        &self,
        process: Option<Process>,
        source: &Source,
        after: Option<Position>,
    ) -> Result<Stepped, HandError> {
        let copied = self.copy_once(process, source, after).await;
        *self.0.copy_failure.lock() = copied.as_ref().err().map(HandError::chain);
        if copied.is_ok() {
            *self.0.saved_behind.lock() = None;
        }
        copied
    }

    /// Returns why the last copy failed, if it did.
    pub(crate) fn copy_failure(&self) -> Option<String> {
        self.0.copy_failure.lock().clone()
    }

    async fn copy_once(
        &self,
        process: Option<Process>,
        source: &Source,
        after: Option<Position>,
    ) -> Result<Stepped, HandError> {
        if let Some(process) = process {
            process.stop(STOP).await;
        }
        if let Some(after) = after
            && *self.0.saved_behind.lock() != Some(after)
        {
            self.save(after).await?;
            *self.0.saved_behind.lock() = Some(after);
        }
        // The answer first: a source that refuses costs nothing.
        let answer = self.ask(source.agent).await?;
        let layout = self.0.layout.clone();
        let restore = tokio::task::spawn_blocking(move || Restore::begin(&layout)).await??;
        let mut stream = Frames::new(answer.into_body());
        let length = restore.receive(&mut stream).await?;
        tracing::info!(length, source = %source.agent, "received a copy");
        self.0.installing.store(true, Ordering::Release);
        let installed = match self.put_aside().await {
            Ok(()) => self.install(restore, source.held).await,
            Err(error) => Err(error),
        };
        self.0.installing.store(false, Ordering::Release);
        Ok(Stepped::Copied(installed?))
    }

    /// Puts a copy in place: from here on it is what counts.
    async fn install(&self, restore: Restore, held: Position) -> Result<Position, HandError> {
        let position = restore.install(&self.0.database, held).await?;
        self.unmark().await?;
        self.found().await?;
        Ok(position)
    }

    async fn ask(&self, source: SocketAddr) -> Result<Response<Incoming>, HandError> {
        let asked = tokio::time::timeout(ANSWER, self.send(source)).await;
        let answer = asked.map_err(|_| HandError::Late)??;
        let status = answer.status();
        if status == StatusCode::OK {
            return Ok(answer);
        }
        let said = Limited::new(answer.into_body(), REFUSAL).collect().await;
        let said = said.map(|said| String::from_utf8_lossy(&said.to_bytes()).trim().to_owned());
        Err(HandError::Refused { status, said: said.unwrap_or_default() })
    }

    async fn send(&self, source: SocketAddr) -> Result<Response<Incoming>, HandError> {
        let stream = TcpStream::connect(source).await.map_err(HandError::Connect)?;
        let (connector, name) = self.0.certificates.connector();
        let stream = connector.connect(name, stream).await.map_err(HandError::Connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to the source broke");
            }
        });
        let request = Request::get("/copy").header(http::header::HOST, self.0.identity.cluster.name());
        let request = request.body(Empty::<Bytes>::new()).expect("the name of a cluster is a host's");
        Ok(sender.send_request(request).await?)
    }
}
