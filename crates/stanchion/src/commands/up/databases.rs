//! What databases need beside the cluster: a store of their own that agents report to, and a certificate to reach it with.
//!
//! It is not the store of the API server: who may report the health of a database must not read the cluster's Secrets.
//! Both ends show certificates of an authority that signs nothing else. It is kept; the server's certificate is made anew at each
//! start. The operator signs one for the agents of each database, who may use the keys of that one and no others.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use ipnet::Ipv4Net;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use stanchion_ha_core::keys;
use stanchion_operator::{SecurityMode, StoreTls, StoreUsers};
use stanchion_store::server::{ListenUrl, Server, ServerOptions, TlsOptions};
use stanchion_store::{AutoCompaction, KeyValueStore, Options, Store};

use crate::commands::files::write_private;

/// The directory below that of the cluster.
const DIRECTORY: &str = "databases";
/// Where in the Services' range the store listens.
const PLACE: (u8, u8, u16) = (255, 253, 2379);
/// Revisions of the past that are kept: watches that broke begin anew anyway.
const KEPT: i64 = 1_000;
/// The image that has this program; a row of the table of images says that it is the one that runs.
pub(super) const IMAGE: &str = concat!("stanchion:", env!("CARGO_PKG_VERSION"));

/// The store of the databases while it runs.
pub(super) struct Databases {
    store: Store,
    server: Server,
    tls: StoreTls,
    endpoint: String,
}

impl Databases {
    /// Opens the store and listens.
    pub(super) async fn start(data_dir: &Path, services: Ipv4Net) -> anyhow::Result<Self> {
        let directory = data_dir.join(DIRECTORY);
        let [first, second, ..] = services.network().octets();
        let address = SocketAddr::from(([first, second, PLACE.0, PLACE.1], PLACE.2));
        let Certificates { tls, server } = certificates(&directory, address)?;
        let mut options = Options::new(directory.join("store"));
        options.auto_compaction = Some(AutoCompaction::Revisions(KEPT));
        let opened = tokio::task::spawn_blocking(move || Store::open(options)).await;
        let store = opened.context("opening the store of the databases panicked")??;
        let url: ListenUrl = format!("https://{address}").parse()?;
        let options = ServerOptions {
            client_urls: vec![url],
            tls: Some(server),
            confine: Some(keys::ROOT.to_owned()),
            ..ServerOptions::default()
        };
        let started = Server::start(store.clone(), options).await;
        let server =
            started.with_context(|| format!("the store of the databases cannot listen on {address}"))?;
        Ok(Self { store, server, tls, endpoint: format!("https://{address}") })
    }

    /// Returns how the operator is run.
    pub(super) fn operator(&self) -> stanchion_operator::Options {
        stanchion_operator::Options {
            agent_image: IMAGE.to_owned(),
            store_endpoints: vec![self.endpoint.clone()],
            store_tls: Some(self.tls.clone()),
            store: self.store(),
            security: SecurityMode::Node,
        }
    }

    /// Returns how the manager of failovers is run.
    pub(super) fn manager(&self) -> stanchion_ha::Options {
        stanchion_ha::Options {
            store: self.store(),
            identity: format!("stanchion up, process {}", std::process::id()),
        }
    }

    fn store(&self) -> Arc<dyn KeyValueStore> {
        Arc::new(self.store.clone())
    }

    /// Ends the store.
    pub(super) async fn stop(self) {
        self.server.stop().await;
        self.store.close().await;
    }
}

struct Certificates {
    /// What agents show and believe.
    tls: StoreTls,
    /// What the server shows and believes.
    server: TlsOptions,
}

/// Reads or makes the authority, and signs a certificate for each end.
fn certificates(directory: &Path, address: SocketAddr) -> anyhow::Result<Certificates> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let path = |name: &str| directory.join(name);
    let (ca_file, ca_key) = (path("ca.crt"), path("ca.key"));
    if !ca_file.exists() {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "stanchion databases");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key)?;
        write_private(&ca_key, key.serialize_pem().as_bytes())?;
        write_private(&ca_file, certificate.pem().as_bytes())?;
    }
    let (ca, signing) = (read(&ca_file)?, read(&ca_key)?);
    let key = KeyPair::from_pem(&signing).with_context(|| format!("{} is no key", ca_key.display()))?;
    let issuer = Issuer::from_ca_cert_pem(&ca, key)
        .with_context(|| format!("{} is no authority", ca_file.display()))?;
    let names = [address.ip().to_string()];
    let (shown, shown_key) = sign(&issuer, "stanchion-store", &names, ExtendedKeyUsagePurpose::ServerAuth)?;
    let server = TlsOptions {
        cert_file: path("server.crt"),
        key_file: path("server.key"),
        trusted_ca_file: Some(ca_file),
        client_cert_auth: true,
    };
    write_private(&server.cert_file, shown.as_bytes())?;
    write_private(&server.key_file, shown_key.as_bytes())?;
    let tls =
        StoreTls { ca: ca.clone().into_bytes(), agents: StoreUsers::Signed { authority: ca, key: signing } };
    Ok(Certificates { tls, server })
}

fn sign(
    issuer: &Issuer<'_, KeyPair>,
    name: &str,
    names: &[String],
    usage: ExtendedKeyUsagePurpose,
) -> anyhow::Result<(String, String)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![usage];
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
