//! The server's own authority and what it signs, laid out as kubeadm does.
//!
//! Whatever is there and fits is kept, above all the authority: replacing it would shut every client out. What is
//! missing, lacks a name, was signed by another authority or ends soon is made anew, so that calling
//! [`Pki::ensure`] from time to time is all that renewal needs.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rcgen::{ExtendedKeyUsagePurpose, Issuer, KeyPair};

use self::certificate::{Facts, Wish};
use crate::nodes;

mod certificate;
pub(crate) mod files;

const DAY: i64 = 24 * 60 * 60;
/// How long the authority lives.
const AUTHORITY_LIFE: i64 = 3650 * DAY;
/// How long everything else lives.
const LEAF_LIFE: i64 = 365 * DAY;
/// Certificates with less time than this are made anew.
const RENEW_BEFORE: i64 = 30 * DAY;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file or directory cannot be read.
    #[error("cannot read {path}; give the server's user access to it")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file or directory cannot be written.
    #[error("cannot write {path}; there must be room, and the server's user must be allowed to write there")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file is not what its name says.
    #[error(
        "cannot use {path}: {problem}; restore it from a backup, or move ca.crt and ca.key away to have a new \
         authority made, which every client has to be told about"
    )]
    Authority { path: PathBuf, problem: String },
    /// One half of the authority is missing.
    #[error(
        "{found} is there, but {missing} is not; restore {missing} from a backup, or move {found} away to have a \
         new authority made, which every client has to be told about"
    )]
    Half { found: PathBuf, missing: PathBuf },
    /// A name cannot stand in a certificate.
    #[error("{name:?} cannot stand in a certificate as the server's name: give a DNS name or an IP address")]
    Name { name: String },
    /// More groups than a certificate can be given.
    #[error("a client certificate can name at most {} groups", certificate::MOST_GROUPS)]
    Groups,
    /// A certificate cannot be made.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
}

/// An authority, and the directory with what it signed.
pub(crate) struct Pki {
    dir: PathBuf,
    ca_pem: String,
    ca: Facts,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pki").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Pki {
    /// Reads the directory and makes what is missing or not good any more; `names` are the serving certificate's.
    pub(crate) fn ensure(dir: &Path, names: &[String], now: i64) -> Result<Self, PkiError> {
        files::make_directory(dir).map_err(|source| PkiError::Write { path: dir.to_owned(), source })?;
        let (ca_pem, key) = authority(dir, now)?;
        let ca_path = dir.join("ca.crt");
        let bad = |problem: String| PkiError::Authority { path: ca_path.clone(), problem };
        let ca = Facts::of_pem(&ca_pem).map_err(bad)?;
        if ca.not_after <= now {
            return Err(bad("it has expired".to_owned()));
        }
        if !ca.is_authority {
            return Err(bad("it is not the certificate of an authority".to_owned()));
        }
        if !ca.belongs_to(&key) {
            return Err(bad("the key in ca.key belongs to another certificate".to_owned()));
        }
        let issuer = Issuer::from_ca_cert_pem(&ca_pem, key).map_err(|error| bad(error.to_string()))?;
        let pki = Self { dir: dir.to_owned(), ca_pem, ca, issuer };
        pki.keep("apiserver", &Wish::server("kube-apiserver", names), now)?;
        pki.keep("admin", &Wish::client("kubernetes-admin", &["system:masters".to_owned()]), now)?;
        let masters = ["system:masters".to_owned()];
        pki.keep(nodes::CLIENT, &Wish::client("kube-apiserver-kubelet-client", &masters), now)?;
        pki.keep_account_key()?;
        Ok(pki)
    }

    /// Returns the authority's certificate.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Returns where a file of the directory is, such as `apiserver.crt`.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// Returns the certificate and key of the administrator.
    pub(crate) fn admin(&self) -> Result<(String, String), PkiError> {
        Ok((read(&self.path("admin.crt"))?, read(&self.path("admin.key"))?))
    }

    /// Makes a certificate and key of a client.
    pub(crate) fn client(
        &self,
        name: &str,
        groups: &[String],
        now: i64,
    ) -> Result<(String, String), PkiError> {
        self.sign(&Wish::client(name, groups), now)
    }

    /// Makes a certificate and key of a server.
    pub(crate) fn server(
        &self,
        name: &str,
        names: &[String],
        now: i64,
    ) -> Result<(String, String), PkiError> {
        self.sign(&Wish::server(name, names), now)
    }

    fn sign(&self, wish: &Wish<'_>, now: i64) -> Result<(String, String), PkiError> {
        let key = KeyPair::generate()?;
        let until = now.saturating_add(LEAF_LIFE).min(self.ca.not_after);
        let certificate = wish.params(now, until)?.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn keep(&self, name: &str, wish: &Wish<'_>, now: i64) -> Result<(), PkiError> {
        let (cert_path, key_path) = (self.path(&format!("{name}.crt")), self.path(&format!("{name}.key")));
        let Some(why) = self.unfit(&cert_path, &key_path, wish, now)? else { return Ok(()) };
        let (cert, key) = self.sign(wish, now)?;
        // After a crash between the two the key does not fit the certificate, which is seen the next time.
        write(&key_path, &key, files::PRIVATE)?;
        write(&cert_path, &cert, files::PUBLIC)?;
        tracing::info!(certificate = %cert_path.display(), why, "made a certificate");
        Ok(())
    }

    /// Returns why a certificate has to be made, or nothing if that on disk is good.
    fn unfit(
        &self,
        cert: &Path,
        key: &Path,
        wish: &Wish<'_>,
        now: i64,
    ) -> Result<Option<&'static str>, PkiError> {
        let (Some(cert), Some(key)) = (read_if_there(cert)?, read_if_there(key)?) else {
            return Ok(Some("there was none"));
        };
        let (Ok(facts), Ok(key)) = (Facts::of_pem(&cert), KeyPair::from_pem(&key)) else {
            return Ok(Some("it could not be read"));
        };
        // An authority that ends soon cannot give more time than it has.
        let soon = now.saturating_add(RENEW_BEFORE).min(self.ca.not_after.saturating_sub(1));
        Ok(if !facts.belongs_to(&key) {
            Some("the key belonged to another certificate")
        } else if !facts.is_signed_by(&self.ca) {
            Some("another authority signed it")
        } else if facts.not_after <= soon {
            Some("it ends soon")
        } else if !wish.is_met_by(&facts)? {
            Some("it lacked a name")
        } else {
            None
        })
    }

    /// Makes the key that signs tokens of service accounts, if there is none.
    fn keep_account_key(&self) -> Result<(), PkiError> {
        let (key_path, public_path) = (self.path("sa.key"), self.path("sa.pub"));
        if read_if_there(&key_path)?.is_some() {
            return Ok(());
        }
        let key = KeyPair::generate()?;
        write(&public_path, &key.public_key_pem(), files::PUBLIC)?;
        write(&key_path, &key.serialize_pem(), files::PRIVATE)
    }
}

/// Returns the names by which a server is reached: those inside of the cluster, of this machine, and more.
pub(crate) fn serving_names(
    service: IpAddr,
    bind: IpAddr,
    host: &str,
    domain: &str,
    more: &[String],
) -> Vec<String> {
    let mut names: Vec<String> =
        ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned).into();
    names.push(format!("kubernetes.default.svc.{domain}"));
    names.extend(["127.0.0.1", "::1"].map(str::to_owned));
    names.push(service.to_string());
    if !bind.is_unspecified() {
        names.push(bind.to_string());
    }
    names.push(host.to_owned());
    names.extend_from_slice(more);
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| !name.is_empty() && seen.insert(name.clone()));
    names
}

/// Returns certificate and key of the authority, made if there is neither.
fn authority(dir: &Path, now: i64) -> Result<(String, KeyPair), PkiError> {
    let (cert_path, key_path) = (dir.join("ca.crt"), dir.join("ca.key"));
    match (read_if_there(&cert_path)?, read_if_there(&key_path)?) {
        (Some(cert), Some(key)) => {
            let key = KeyPair::from_pem(&key).map_err(|error| {
                let problem = format!(
                    "{error} (a key has to be PKCS#8; `openssl pkcs8 -topk8 -nocrypt` converts others)"
                );
                PkiError::Authority { path: key_path, problem }
            })?;
            Ok((cert, key))
        }
        (Some(_), None) => Err(PkiError::Half { found: cert_path, missing: key_path }),
        (None, Some(_)) => Err(PkiError::Half { found: key_path, missing: cert_path }),
        (None, None) => {
            let key = KeyPair::generate()?;
            let params = Wish::authority("kubernetes").params(now, now.saturating_add(AUTHORITY_LIFE))?;
            let cert = params.self_signed(&key)?.pem();
            // The certificate comes first: without its key it has signed nothing that could get lost.
            write(&cert_path, &cert, files::PUBLIC)?;
            write(&key_path, &key.serialize_pem(), files::PRIVATE)?;
            tracing::info!(certificate = %cert_path.display(), "made an authority");
            Ok((cert, key))
        }
    }
}

fn read(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(|source| PkiError::Read { path: path.to_owned(), source })
}

fn read_if_there(path: &Path) -> Result<Option<String>, PkiError> {
    match read(path) {
        Err(PkiError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn write(path: &Path, contents: &str, mode: u32) -> Result<(), PkiError> {
    files::write(path, contents.as_bytes(), mode)
        .map_err(|source| PkiError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
