//! Certificates in files: PEM, with the key beside or behind them, and in kubeconfigs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use stanchion_doctor_core::FoundIn;

use super::parse::Parsed;

/// So many files are looked at: more is no directory of certificates.
const MANY: usize = 2_000;
/// So deep: `pki/etcd` is two.
const DEEP: usize = 4;
/// A file with a certificate is no larger.
const LARGE: u64 = 1 << 20;

/// Reads all certificates in directories; and says which files could not be read.
pub(super) fn read_all(directories: &[PathBuf]) -> (Vec<Parsed>, Vec<String>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for directory in directories {
        let mut files = Vec::new();
        if let Err(error) = list(directory, DEEP, &mut files) {
            missing.push(format!("{}: {error}", directory.display()));
        }
        files.sort();
        if files.len() > MANY {
            missing.push(format!(
                "{}: only {MANY} of its {} files are looked at",
                directory.display(),
                files.len()
            ));
            files.truncate(MANY);
        }
        for path in files {
            let read = if path.extension().is_some_and(|extension| extension == "conf") {
                read_kubeconfig(&path)
            } else {
                read_pem(&path)
            };
            match read {
                Ok(certificates) => found.extend(certificates),
                Err(why) => missing.push(format!("{}: {why}", path.display())),
            }
        }
    }
    (found, missing)
}

/// Lists files that may hold certificates, by their names.
fn list(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        // The kubelet's current certificate is a link to one with its date.
        let metadata = fs::metadata(&path)?;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if metadata.is_dir() && depth > 0 {
            list(&path, depth - 1, files)?;
        } else if metadata.is_file()
            && metadata.len() <= LARGE
            && matches!(extension, "crt" | "pem" | "cert" | "cer" | "conf")
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads the first certificate of a file: those behind it are its authorities. A file of keys has none.
fn read_pem(path: &Path) -> Result<Vec<Parsed>, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let chain = chain_in(&bytes)?;
    let Some(first) = chain.first() else { return Ok(Vec::new()) };
    let mut parsed = Parsed::new(first.clone(), path.display().to_string(), FoundIn::File)
        .map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(&bytes).ok().or_else(|| beside(path));
    parsed.facts.key_fits = key.and_then(|key| fits(&parsed, &key));
    Ok(vec![parsed])
}

pub(super) fn chain_in(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    chain.map_err(|error| format!("it is no PEM: {error:?}"))
}

/// Reads the key of the same name, if it is there and may be read.
fn beside(path: &Path) -> Option<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path.with_extension("key")).ok()
}

/// Returns whether a key is that of a certificate, if that can be told.
pub(super) fn fits(certificate: &Parsed, key: &PrivateKeyDer<'static>) -> Option<bool> {
    let key = any_supported_type(key).ok()?;
    Some(certificate.is_of(&key.public_key()?))
}

/// Reads the certificates that a kubeconfig holds itself; those that it names are files of their own.
fn read_kubeconfig(path: &Path) -> Result<Vec<Parsed>, String> {
    let Ok(config) = Kubeconfig::read_from(path) else {
        // Other programs have files of this name, too.
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let source = path.display().to_string();
    for cluster in &config.clusters {
        let data = cluster.cluster.as_ref().and_then(|one| one.certificate_authority_data.as_ref());
        found.extend(embedded(data, &format!("{source}, cluster {}", cluster.name))?);
    }
    for user in &config.auth_infos {
        let data = user.auth_info.as_ref().and_then(|one| one.client_certificate_data.as_ref());
        found.extend(embedded(data, &format!("{source}, user {}", user.name))?);
    }
    Ok(found)
}

fn embedded(data: Option<&String>, source: &str) -> Result<Option<Parsed>, String> {
    use base64::Engine as _;
    let Some(data) = data else { return Ok(None) };
    let bytes = base64::engine::general_purpose::STANDARD.decode(data);
    let bytes = bytes.map_err(|error| format!("{source}: it is no base64: {error}"))?;
    let Some(first) = chain_in(&bytes)?.into_iter().next() else { return Ok(None) };
    Parsed::new(first, source.to_owned(), FoundIn::Kubeconfig).map(Some).map_err(|error| error.to_string())
}
