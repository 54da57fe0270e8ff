//! `stanchion store serve`

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::Serialize;
use stanchion_store::core::{Limits, Quota};
use stanchion_store::server::{ListenUrl, Server, ServerOptions, TlsOptions};
use stanchion_store::{AutoCompaction, DefragPolicy, Options, Store};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Failure;
use crate::exit::Exit;
use crate::logging::{self, LogLevel};

/// What automatic compaction counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CompactionMode {
    /// Keep history for a time.
    Periodic,
    /// Keep a number of revisions.
    Revision,
}

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the store; created if missing.
    #[arg(long, env = "ETCD_DATA_DIR", value_name = "DIR", default_value = "default.stanchion")]
    data_dir: PathBuf,
    /// The name of the member.
    #[arg(long, env = "ETCD_NAME", default_value = "default")]
    name: String,
    /// Where clients connect: http://HOST:PORT or https://HOST:PORT, port 0 for any. Plain http only on loopback.
    #[arg(
        long,
        env = "ETCD_LISTEN_CLIENT_URLS",
        value_name = "URL,…",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:2379"
    )]
    listen_client_urls: Vec<ListenUrl>,
    /// The addresses that clients are told; those that are listened on by default.
    #[arg(long, env = "ETCD_ADVERTISE_CLIENT_URLS", value_name = "URL,…", value_delimiter = ',')]
    advertise_client_urls: Vec<String>,
    /// Where /metrics, /health, /livez, /readyz and /version are served besides the client URLs.
    #[arg(long, env = "ETCD_LISTEN_METRICS_URLS", value_name = "URL,…", value_delimiter = ',')]
    listen_metrics_urls: Vec<ListenUrl>,
    /// Listen without TLS on addresses that other machines can reach. Only for trusted networks.
    #[arg(long)]
    allow_insecure_listen: bool,
    /// The server's certificate, with those between it and its authority (PEM). Read again when it changes.
    #[arg(long, env = "ETCD_CERT_FILE", value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, env = "ETCD_KEY_FILE", value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
    /// The authority that clients' certificates come from (PEM).
    #[arg(long, env = "ETCD_TRUSTED_CA_FILE", value_name = "FILE", requires = "client_cert_auth")]
    trusted_ca_file: Option<PathBuf>,
    /// Let in only clients with a certificate of --trusted-ca-file.
    #[arg(long, env = "ETCD_CLIENT_CERT_AUTH", requires = "trusted_ca_file")]
    client_cert_auth: bool,
    /// Bytes on disk, free space included, from which on writes are refused. 0: 2 GiB; negative: no quota.
    #[arg(
        long,
        env = "ETCD_QUOTA_BACKEND_BYTES",
        value_name = "BYTES",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    quota_backend_bytes: i64,
    /// What automatic compaction counts in.
    #[arg(long, env = "ETCD_AUTO_COMPACTION_MODE", value_enum, default_value = "periodic")]
    auto_compaction_mode: CompactionMode,
    /// What automatic compaction keeps: a time (5m, 1h; a bare number is hours) or a number of revisions. 0: it is off.
    #[arg(long, env = "ETCD_AUTO_COMPACTION_RETENTION", value_name = "TIME|REVISIONS", default_value = "0")]
    auto_compaction_retention: String,
    /// Defragment by itself when this share of the bytes on disk is free, between 0 and 1. 0: never.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    defrag_free_share: f64,
    /// Never defragment by itself below this size.
    #[arg(long, value_name = "BYTES", default_value_t = DefragPolicy::default().min_bytes)]
    defrag_min_bytes: u64,
    /// The longest request in bytes.
    #[arg(long, env = "ETCD_MAX_REQUEST_BYTES", value_name = "BYTES", default_value_t = Limits::default().request_bytes)]
    max_request_bytes: usize,
    /// The most operations in a transaction.
    #[arg(long, env = "ETCD_MAX_TXN_OPS", value_name = "N", default_value_t = Limits::default().txn_ops)]
    max_txn_ops: usize,
    /// The most calls at a time on one connection.
    #[arg(long, env = "ETCD_MAX_CONCURRENT_STREAMS", value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_concurrent_streams: u32,
    /// The most watches at a time.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    max_watchers: usize,
    /// How often quiet watches that ask for it are told the newest revision (10m, 30s).
    #[arg(
        long,
        alias = "experimental-watch-progress-notify-interval",
        env = "ETCD_WATCH_PROGRESS_NOTIFY_INTERVAL",
        value_name = "TIME",
        default_value = "10m",
        value_parser = interval
    )]
    watch_progress_notify_interval: Duration,
    /// How much is logged.
    #[arg(long, env = "ETCD_LOG_LEVEL", value_enum, default_value_t)]
    log_level: LogLevel,
    /// Write the URLs that are listened on to this file, as JSON, once clients can connect.
    #[arg(long, value_name = "FILE")]
    endpoints_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Endpoints {
    client: Vec<String>,
    metrics: Vec<String>,
}

/// Serves until a signal says to stop.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    logging::start(arguments.log_level);
    let options = arguments.store_options()?;
    let endpoints_file = arguments.endpoints_file.clone();
    let server_options = arguments.server_options();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    runtime.block_on(serve(options, server_options, endpoints_file.as_deref()))
}

async fn serve(options: Options, server_options: ServerOptions, file: Option<&Path>) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let opened = tokio::task::spawn_blocking(move || Store::open(options)).await;
    let store = opened.context("opening the store panicked")??;
    let mut server = Server::start(store.clone(), server_options).await?;
    let urls = |urls: &[ListenUrl]| urls.iter().map(ToString::to_string).collect::<Vec<_>>();
    let endpoints = Endpoints { client: urls(server.client_urls()), metrics: urls(server.metrics_urls()) };
    tracing::info!(
        clients = endpoints.client.join(","),
        metrics = endpoints.metrics.join(","),
        "ready to serve"
    );
    if let Some(file) = file {
        write_endpoints(file, &endpoints)?;
    }
    let ended = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = server.ended() => true,
    };
    tracing::info!("stopping");
    server.stop().await;
    store.close().await;
    if ended {
        return Err(Failure::new(
            Exit::Failure,
            anyhow::anyhow!("a listener ended by itself; the log says why"),
        ));
    }
    tracing::info!("stopped");
    Ok(())
}

/// Writes the file as a whole, so that whoever waits for it never reads half of it.
fn write_endpoints(file: &Path, endpoints: &Endpoints) -> Result<(), Failure> {
    let write = || -> anyhow::Result<()> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut new, endpoints)?;
        new.persist(file)?;
        Ok(())
    };
    write()
        .with_context(|| format!("cannot write {}", file.display()))
        .map_err(|error| Failure::new(Exit::Storage, error))
}

impl Arguments {
    fn store_options(&self) -> Result<Options, Failure> {
        if !(0.0..=1.0).contains(&self.defrag_free_share) {
            let error =
                anyhow::anyhow!("--defrag-free-share is {}, not between 0 and 1", self.defrag_free_share);
            return Err(Failure::new(Exit::Usage, error));
        }
        Ok(Options {
            quota: Quota::from_flag(self.quota_backend_bytes),
            limits: Limits { request_bytes: self.max_request_bytes, txn_ops: self.max_txn_ops },
            max_watchers: self.max_watchers,
            auto_compaction: auto_compaction(self.auto_compaction_mode, &self.auto_compaction_retention)
                .map_err(|error| Failure::new(Exit::Usage, error))?,
            defrag: DefragPolicy {
                free_share: Some(self.defrag_free_share).filter(|share| *share > 0.0),
                min_bytes: self.defrag_min_bytes,
                ..DefragPolicy::default()
            },
            ..Options::new(&self.data_dir)
        })
    }

    fn server_options(self) -> ServerOptions {
        let tls = self.cert_file.zip(self.key_file).map(|(cert_file, key_file)| TlsOptions {
            cert_file,
            key_file,
            trusted_ca_file: self.trusted_ca_file,
            client_cert_auth: self.client_cert_auth,
        });
        ServerOptions {
            name: self.name,
            client_urls: self.listen_client_urls,
            metrics_urls: self.listen_metrics_urls,
            advertise_urls: self.advertise_client_urls,
            tls,
            allow_insecure: self.allow_insecure_listen,
            max_concurrent_streams: self.max_concurrent_streams,
            progress_interval: self.watch_progress_notify_interval,
            confine: None,
        }
    }
}

/// Reads the time between two looks at something, which cannot be nothing.
fn interval(text: &str) -> anyhow::Result<Duration> {
    let interval = humantime::parse_duration(text)?;
    anyhow::ensure!(interval >= Duration::from_millis(100), "{text} is less than 100ms");
    Ok(interval)
}

/// Reads etcd's two flags; a bare number of a period is hours.
fn auto_compaction(mode: CompactionMode, retention: &str) -> anyhow::Result<Option<AutoCompaction>> {
    let number = retention.parse::<i64>();
    let bad = || format!("--auto-compaction-retention {retention:?}");
    let kept = match (mode, number) {
        (_, Ok(0)) => return Ok(None),
        (_, Ok(number)) if number < 0 => anyhow::bail!("{} is negative", bad()),
        (CompactionMode::Revision, Ok(number)) => AutoCompaction::Revisions(number),
        (CompactionMode::Revision, Err(_)) => anyhow::bail!("{} is no number of revisions", bad()),
        (CompactionMode::Periodic, Ok(hours)) => {
            AutoCompaction::Periodic(Duration::from_secs(hours.unsigned_abs().saturating_mul(3600)))
        }
        (CompactionMode::Periodic, Err(_)) => {
            AutoCompaction::Periodic(humantime::parse_duration(retention).with_context(bad)?)
        }
    };
    Ok(Some(kept).filter(|kept| *kept != AutoCompaction::Periodic(Duration::ZERO)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_some_time() {
        assert_eq!(interval("30s").ok(), Some(Duration::from_secs(30)));
        assert!(interval("0s").is_err());
        assert!(interval("soon").is_err());
    }

    #[test]
    fn retention_is_read_as_etcd_reads_it() {
        use CompactionMode::{Periodic, Revision};
        let read = |mode, text| auto_compaction(mode, text).ok();
        let period = |seconds| Some(Some(AutoCompaction::Periodic(Duration::from_secs(seconds))));
        assert_eq!(read(Periodic, "0"), Some(None));
        assert_eq!(read(Periodic, "0s"), Some(None));
        assert_eq!(read(Periodic, "1"), period(3600));
        assert_eq!(read(Periodic, "5m"), period(300));
        assert_eq!(read(Periodic, "1h30m"), period(5400));
        assert_eq!(read(Revision, "1000"), Some(Some(AutoCompaction::Revisions(1000))));
        assert_eq!(read(Revision, "5m"), None);
        assert_eq!(read(Periodic, "-1"), None);
        assert_eq!(read(Periodic, "soon"), None);
    }
}
