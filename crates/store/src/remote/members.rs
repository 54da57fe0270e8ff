//! The members of a remote store, connected with the certificates that are in the files now.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::{RemoteError, RemoteOptions};

/// How often calls look whether certificates were renewed.
const LOOK: Duration = Duration::from_secs(1);

/// The members, and how to reach them.
#[derive(Debug)]
pub(super) struct Members {
    options: RemoteOptions,
    /// The endpoint that calls go to.
    pub(super) at: AtomicUsize,
    prepared: Mutex<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    endpoints: Arc<[Endpoint]>,
    /// When the files of the certificates were written.
    stamps: Vec<Option<SystemTime>>,
    /// When they were looked at.
    looked: Instant,
}

impl Members {
    /// Prepares connections to all.
    pub(super) async fn prepare(options: &RemoteOptions) -> Result<Self, RemoteError> {
        if options.endpoints.is_empty() {
            return Err(RemoteError::NoEndpoint);
        }
        let (stamps, looked) = (stamps(options), Instant::now());
        let endpoints = endpoints(options).await?;
        let prepared = Mutex::new(Prepared { endpoints, stamps, looked });
        Ok(Self { options: options.clone(), at: AtomicUsize::default(), prepared })
    }

    pub(super) fn options(&self) -> &RemoteOptions {
        &self.options
    }

    /// Returns all. When a file has changed they are prepared anew; if that fails, the old ones stay. Watches that stand go on
    /// over the connection that they have.
    pub(super) async fn endpoints(&self) -> Arc<[Endpoint]> {
        if self.are_changed() {
            match endpoints(&self.options).await {
                Ok(endpoints) => {
                    tracing::info!("read the certificates for the store again");
                    self.prepared.lock().endpoints = endpoints;
                }
                Err(error) => {
                    tracing::error!(%error, "the changed certificates for the store cannot be used; the old ones stay");
                }
            }
        }
        Arc::clone(&self.prepared.lock().endpoints)
    }

    /// Returns whether files have changed: to one caller, once.
    fn are_changed(&self) -> bool {
        if self.options.tls.is_none() {
            return false;
        }
        let mut prepared = self.prepared.lock();
        if prepared.looked.elapsed() < LOOK {
            return false;
        }
        prepared.looked = Instant::now();
        let stamps = stamps(&self.options);
        let changed = stamps != prepared.stamps;
        prepared.stamps = stamps;
        changed
    }
}

async fn endpoints(options: &RemoteOptions) -> Result<Arc<[Endpoint]>, RemoteError> {
    let mut endpoints = Vec::with_capacity(options.endpoints.len());
    for url in &options.endpoints {
        endpoints.push(Endpoint::prepare(url, options).await?);
    }
    Ok(endpoints.into())
}

fn stamps(options: &RemoteOptions) -> Vec<Option<SystemTime>> {
    let Some(tls) = &options.tls else { return Vec::new() };
    let client = tls.client.iter().flat_map(|client| [&client.cert_file, &client.key_file]);
    let stamp = |file: &Path| std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
    [&tls.ca_file].into_iter().chain(client).map(|file| stamp(file)).collect()
}
