//! `stanchion node`: a node alone, against any API server.
//!
//! ```text
//! DIR/images.json      what images stand for, as with `up`
//! DIR/pki/kubelet.*    the serving certificate, signed by itself, if none is given
//! DIR/node             containers, volumes, logs
//! ```

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use ipnet::Ipv4Net;
use stanchion_node::{Credentials, Options};
use stanchion_node_core::capacity::MAX_PODS;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::commands::part;
use crate::commands::remote::Remote;
use crate::commands::up::running::Running;
use crate::commands::up::{place, raise_descriptors};
use crate::error::Failure;
use crate::exit::Exit;
use crate::logging::LogLevel;

/// Where the addresses of Pods come from: this machine's own, so that they need no privileges.
const LOOPBACK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);

/// How to be a node.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    remote: Remote,
    /// The directory of the node: containers, volumes, logs, certificate. Created if missing.
    #[arg(long, value_name = "DIR", default_value = "node.stanchion")]
    data_dir: PathBuf,
    /// The name of the node; the host name by default.
    #[arg(long, visible_alias = "hostname-override", value_name = "NAME")]
    node_name: Option<String>,
    /// The address of the node, as others reach it.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    node_ip: IpAddr,
    /// The address to listen on for logs and commands.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// The port to listen on for logs and commands; 0 is any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 10250)]
    port: u16,
    /// The addresses of this node's Pods, within 127.0.0.0/8, and of no other node on this machine.
    #[arg(long, value_name = "CIDR", default_value = "127.63.0.0/24", value_parser = pod_range)]
    pod_cidr: Ipv4Net,
    /// The servers of the cluster's DNS; by default Pods ask those of the machine.
    #[arg(long, value_name = "IP,…", value_delimiter = ',')]
    cluster_dns: Vec<IpAddr>,
    /// The domain of the cluster.
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    cluster_domain: String,
    /// Labels of the node besides the usual ones.
    #[arg(long, value_name = "KEY=VALUE,…", value_delimiter = ',', value_parser = label)]
    node_labels: Vec<(String, String)>,
    /// How many Pods may run.
    #[arg(long, value_name = "N", default_value_t = MAX_PODS, value_parser = clap::value_parser!(i64).range(1..))]
    max_pods: i64,
    #[command(flatten)]
    eviction: place::EvictionArguments,
    #[command(flatten)]
    reserved: place::ReservedArguments,
    /// The serving certificate (PEM) for the node's name; by default one that is signed by itself, in DIR/pki.
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file")]
    tls_cert_file: Option<PathBuf>,
    /// The key of the serving certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    tls_private_key_file: Option<PathBuf>,
    /// The authority of those who may ask for logs and commands (PEM). Without it nobody may.
    #[arg(long, value_name = "FILE")]
    client_ca_file: Option<PathBuf>,
    /// How much is logged.
    #[arg(long, value_enum, default_value_t)]
    log_level: LogLevel,
}

/// Runs until a signal says to stop; containers go on until `stanchion down`.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    part::run(&arguments.remote, arguments.log_level, async |client, stop| {
        raise_descriptors();
        let mut down = signal(SignalKind::user_defined1()).context("cannot wait for SIGUSR1")?;
        let shows_certificate = arguments.remote.shows_certificate().await?;
        let (shutdown, options) = (CancellationToken::new(), arguments.options(shows_certificate)?);
        let running = Running::record(&arguments.data_dir);
        let running = running.map_err(|error| Failure::new(Exit::Storage, error))?;
        if options.credentials.authority.is_none() {
            tracing::warn!("kubectl logs and exec will not work: nobody may ask without --client-ca-file");
        }
        if arguments.tls_cert_file.is_none() {
            tracing::warn!(
                "the serving certificate is signed by itself: API servers that check it, as stanchion's does, \
                 cannot ask for logs and commands; see --tls-cert-file"
            );
        }
        let told = async {
            down.recv().await;
            tracing::info!("ending all Pods");
            shutdown.cancel();
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            ended = stanchion_node::run(client, options, shutdown.clone(), stop) => ended,
            () = told => Ok(()),
        };
        drop(running);
        ended.map_err(|error| Failure::new(Exit::Failure, error))
    })
}

impl Arguments {
    fn options(&self, shows_certificate: bool) -> Result<Options, Failure> {
        let name = self.node_name.clone().map_or_else(place::name, Ok)?;
        fs::create_dir_all(&self.data_dir)
            .with_context(|| format!("cannot make {}", self.data_dir.display()))
            .map_err(|error| Failure::new(Exit::Storage, error))?;
        let credentials = self.credentials(&name).map_err(|error| Failure::new(Exit::Usage, error))?;
        let options = place::options(&self.data_dir, &name, self.pod_cidr, None, credentials)?;
        Ok(Options {
            bind: SocketAddr::new(self.address, self.port),
            address: self.node_ip,
            pod_range: self.pod_cidr,
            cluster_dns: self.cluster_dns.clone(),
            cluster_domain: self.cluster_domain.clone(),
            labels: self.node_labels.iter().cloned().collect::<BTreeMap<_, _>>(),
            max_pods: self.max_pods,
            eviction: self.eviction.thresholds(),
            reserved: self.reserved.reserved(),
            shows_certificate,
            ..options
        })
    }

    fn credentials(&self, name: &str) -> anyhow::Result<Credentials> {
        let (certificate, key) = match (&self.tls_cert_file, &self.tls_private_key_file) {
            (Some(certificate), Some(key)) => (read(certificate)?, read(key)?),
            (Some(_) | None, _) => {
                own(&self.data_dir.join("pki"), &[name.to_owned(), self.node_ip.to_string()])?
            }
        };
        let authority = self.client_ca_file.as_deref().map(read).transpose()?;
        Ok(Credentials { certificate, key, authority })
    }
}

/// Returns the certificate of the node that it has signed itself, and its key; made at the first start.
fn own(dir: &Path, names: &[String]) -> anyhow::Result<(String, String)> {
    let (certificate, key) = (dir.join("kubelet.crt"), dir.join("kubelet.key"));
    if certificate.exists() {
        return Ok((read(&certificate)?, read(&key)?));
    }
    let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    // The certificate last: where it is, its key is too.
    for (path, text) in [(&key, made.signing_key.serialize_pem()), (&certificate, made.cert.pem())] {
        write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn pod_range(text: &str) -> anyhow::Result<Ipv4Net> {
    let range: Ipv4Net = text.parse()?;
    if LOOPBACK.contains(&range) {
        Ok(range.trunc())
    } else {
        Err(anyhow!("Pods are processes of this machine: their addresses are within {LOOPBACK}"))
    }
}

fn label(text: &str) -> anyhow::Result<(String, String)> {
    let (key, value) = text.split_once('=').context("a label is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_have_addresses_of_this_machine() {
        assert_eq!(pod_range("127.63.1.9/24").expect("within").to_string(), "127.63.1.0/24");
        for text in ["10.0.0.0/24", "126.0.0.0/7", "127.0.0.1", "x"] {
            assert!(pod_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_own_certificate_is_made_once_and_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().expect("a folder");
        let names = ["node".to_owned(), "127.0.0.1".to_owned()];
        let made = own(folder.path(), &names).expect("made");
        assert_eq!(own(folder.path(), &names).expect("read"), made);
        let allowed = fs::metadata(folder.path().join("kubelet.key")).expect("there").permissions().mode();
        assert_eq!(allowed & 0o777, 0o600);
    }
}
