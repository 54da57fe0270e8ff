//! An authority and one certificate for all servers, as ours have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

/// The files of a cluster's certificates.
#[derive(Clone, Debug)]
pub(super) struct Certificates {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificates {
    /// Makes them in a directory.
    pub(super) fn make(dir: &Path) -> Result<Self> {
        // Servers work in directories of their own.
        let dir = fs::canonicalize(dir)?;
        let key = KeyPair::generate()?;
        let mut params = named("authority")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate()?;
        let certificate = named("server")?.signed_by(&key, &issuer)?;
        let write = |name: &str, text: String| {
            let path = dir.join(name);
            fs::write(&path, text).map(|()| path)
        };
        Ok(Self {
            authority: write("ca.crt", authority.pem())?,
            certificate: write("tls.crt", certificate.pem())?,
            key: write("tls.key", key.serialize_pem())?,
        })
    }

    /// Returns what a server's options say of them.
    pub(super) fn options(&self) -> String {
        let Self { authority, certificate, key } = self;
        let (authority, certificate, key) = (authority.display(), certificate.display(), key.display());
        format!("ssl_ca={authority}\nssl_cert={certificate}\nssl_key={key}\n")
    }

    /// Returns what a replica is told of them, behind what it is told of its primary.
    pub(super) fn source(&self) -> String {
        let Self { authority, certificate, key } = self;
        let (authority, certificate, key) = (authority.display(), certificate.display(), key.display());
        format!(
            ", MASTER_SSL = 1, MASTER_SSL_CA = '{authority}', MASTER_SSL_CERT = '{certificate}', MASTER_SSL_KEY = '{key}'"
        )
    }
}

/// Whoever has the name of its issuer would be taken for its own authority.
fn named(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
