//! Making certificates anew: what is at hand for it, and the deed.
//!
//! A new certificate is the old one with another serial number, time and, where it can be made here, key; all else is taken
//! over byte by byte. Files are replaced all or none.

mod anew;
pub(super) mod restart;
mod swap;

use std::fs;
use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use stanchion_doctor_core::{Ending, FoundIn, LeafKey, Place, Refusal, Renewal, Signer};
use thiserror::Error;

use super::file;
use super::parse::Parsed;
pub use anew::AnewError;
use anew::KeyKind;
pub use swap::SwapError;

/// Why certificates were not made anew; all files are as they were, unless it says otherwise.
#[derive(Debug, Error)]
pub enum RenewError {
    /// A file cannot be read, or does not hold what it held.
    #[error("cannot read {path}: {why}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A certificate cannot be made.
    #[error("cannot make {place} anew")]
    Make {
        /// Which.
        place: Place,
        /// Why not.
        #[source]
        source: AnewError,
    },
    /// A kubeconfig holds a certificate in a way in which it cannot be replaced.
    #[error("{path}: the data of user {user} do not stand in one place of one line")]
    Scattered {
        /// The kubeconfig.
        path: PathBuf,
        /// The user.
        user: String,
    },
    /// Files cannot be replaced.
    #[error(transparent)]
    Swap(#[from] SwapError),
}

/// A certificate that is to be made anew, and its private key.
struct Held {
    /// The certificate, and those behind it.
    chain: Vec<CertificateDer<'static>>,
    key: Option<PrivateKeyDer<'static>>,
}

/// Says what is at hand to make certificates anew; of each why it cannot be read, if so.
pub fn survey_certificates(directories: &[PathBuf], places: &[Place]) -> Vec<Result<Ending, Refusal>> {
    let (found, _) = file::read_all(directories);
    let authorities: Vec<_> = found
        .into_iter()
        .filter(|one| one.facts.is_authority && one.facts.found_in == FoundIn::File)
        .collect();
    let look = |place: &Place| look(place, &authorities).map_err(|error| Refusal::new(crate::chain(&error)));
    places.iter().map(look).collect()
}

/// Makes certificates anew, and returns the directories in which the old files are kept.
pub fn renew_certificates(renewals: &[Renewal], now: i64) -> Result<Vec<PathBuf>, RenewError> {
    let mut swap = swap::Swap::new(now);
    for renewal in renewals {
        let held = hold(&renewal.place)?;
        let failed = |source| RenewError::Make { place: renewal.place.clone(), source };
        let authority_key = PrivateKeyDer::from_pem_file(&renewal.authority_key)
            .map_err(|error| unreadable(&renewal.authority_key, &error))?;
        let made = anew::make(&held.chain[0], &authority_key, (now, renewal.not_after), renewal.key)
            .map_err(failed)?;
        check(&made.certificate, renewal)?;
        let mut chain = vec![made.certificate];
        chain.extend(held.chain.iter().skip(1).map(|one| one.to_vec()));
        let certificate = chain.iter().map(|der| anew::pem("CERTIFICATE", der)).collect::<String>();
        match &renewal.place {
            Place::File { path } => {
                swap.add(path, certificate.as_bytes())?;
                if let Some(key) = &made.key {
                    swap.add(&path.with_extension("key"), key.as_bytes())?;
                }
            }
            Place::Kubeconfig { path, user } => {
                let text = swap.text(path)?;
                let text = embed(&text, path, user, &certificate, made.key.as_deref())?;
                swap.add(path, text.as_bytes())?;
            }
        }
    }
    Ok(swap.commit()?)
}

/// Looks at the new certificate as others will: it must be of its authority.
fn check(der: &[u8], renewal: &Renewal) -> Result<(), RenewError> {
    let failed = |source| RenewError::Make { place: renewal.place.clone(), source };
    let authority = first(&renewal.authority)?;
    let parse = |der: CertificateDer<'static>| {
        Parsed::new(der, String::new(), FoundIn::File)
            .map_err(|error| failed(AnewError::Form(error.to_string())))
    };
    let made = parse(der.to_vec().into())?;
    if made.is_signed_by(&parse(authority)?) { Ok(()) } else { Err(failed(AnewError::Foreign)) }
}

fn look(place: &Place, authorities: &[Parsed]) -> Result<Ending, RenewError> {
    let held = hold(place)?;
    let path = place.path();
    let parse = |source: String| Parsed::new(held.chain[0].clone(), source, FoundIn::File);
    let parsed = parse(place.to_string()).map_err(|error| unreadable(path, &error))?;
    let fits = held.key.as_ref().and_then(|key| file::fits(&parsed, key));
    let key = match (fits, anew::kind(&held.chain[0])) {
        (Some(true), Some(KeyKind::Rsa)) => LeafKey::Kept,
        (Some(true), Some(_)) => LeafKey::Renewed,
        _ => LeafKey::Missing,
    };
    let facts = &parsed.facts;
    Ok(Ending {
        place: place.clone(),
        subject: facts.subject.clone(),
        is_authority: facts.is_authority,
        not_before: facts.not_before,
        not_after: facts.not_after,
        key,
        signer: signer(&parsed, authorities),
    })
}

/// Finds who made a certificate: of several, the one whose key is here and which is valid for longest.
fn signer(leaf: &Parsed, authorities: &[Parsed]) -> Signer {
    let mut made_it: Vec<_> = authorities
        .iter()
        .filter(|authority| leaf.names_as_issuer(authority) && leaf.is_signed_by(authority))
        .collect();
    made_it.sort_by_key(|authority| (authority.facts.key_fits == Some(true), authority.facts.not_after));
    let Some(authority) = made_it.last() else { return Signer::Unknown };
    let certificate = PathBuf::from(&authority.facts.source);
    if authority.facts.key_fits != Some(true) {
        return Signer::External { certificate };
    }
    let key = certificate.with_extension("key");
    Signer::AtHand {
        key,
        certificate,
        not_before: authority.facts.not_before,
        not_after: authority.facts.not_after,
    }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> RenewError {
    RenewError::Read { path: path.to_owned(), why: error.to_string() }
}

/// Reads a certificate with what is behind it, and its key.
fn hold(place: &Place) -> Result<Held, RenewError> {
    let (pem, key) = match place {
        Place::File { path } => {
            let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
            (bytes, PrivateKeyDer::from_pem_file(path.with_extension("key")).ok())
        }
        Place::Kubeconfig { path, user } => {
            let (certificate, key) = embedded(path, user)?;
            (decoded(&certificate, path)?, PrivateKeyDer::from_pem_slice(&decoded(&key, path)?).ok())
        }
    };
    let chain =
        file::chain_in(&pem).map_err(|why| RenewError::Read { path: place.path().to_owned(), why })?;
    if chain.is_empty() {
        return Err(unreadable(place.path(), &"there is no certificate in it"));
    }
    Ok(Held { chain, key })
}

fn first(path: &Path) -> Result<CertificateDer<'static>, RenewError> {
    CertificateDer::from_pem_file(path).map_err(|error| unreadable(path, &error))
}

/// Returns certificate and key of a user, in base64 as the kubeconfig has them.
fn embedded(path: &Path, user: &str) -> Result<(String, String), RenewError> {
    use kube::config::{AuthInfo, NamedAuthInfo};
    let config = Kubeconfig::read_from(path).map_err(|error| unreadable(path, &error))?;
    let of = |one: &NamedAuthInfo| one.auth_info.clone().filter(|_| one.name == user);
    let user: Option<AuthInfo> = config.auth_infos.iter().find_map(of);
    let certificate = user.as_ref().and_then(|user| user.client_certificate_data.clone());
    let key = user.as_ref().and_then(|user| user.client_key_data.as_ref()).map(secret);
    certificate.zip(key).ok_or_else(|| unreadable(path, &"it does not hold a certificate and its key"))
}

fn secret(key: &impl secrecy::ExposeSecret<str>) -> String {
    key.expose_secret().to_owned()
}

fn decoded(base64: &str, path: &Path) -> Result<Vec<u8>, RenewError> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(base64).map_err(|error| unreadable(path, &error))
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Puts another certificate, and key, in the place of the ones that a kubeconfig holds. All else stays as it is written.
fn embed(
    text: &str,
    path: &Path,
    user: &str,
    certificate: &str,
    key: Option<&str>,
) -> Result<String, RenewError> {
    let scattered = || RenewError::Scattered { path: path.to_owned(), user: user.to_owned() };
    let (old_certificate, old_key) = embedded(path, user)?;
    let replace = |text: &str, old: &str, new: &str| {
        (text.matches(old).count() == 1).then(|| text.replace(old, &encoded(new))).ok_or_else(scattered)
    };
    let text = replace(text, &old_certificate, certificate)?;
    key.map_or_else(|| Ok(text.clone()), |key| replace(&text, &old_key, key))
}

#[cfg(test)]
mod tests;
