//! The authority of a cluster, and the certificate of its instances.
//!
//! One certificate serves all instances, as servers and as clients of each other. It is made anew by the same authority
//! when less than a third of its life is left, so that nobody has to trust anybody new.

use std::collections::BTreeSet;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

const DAY: i64 = 24 * 60 * 60;
/// How long an authority lives: longer than any cluster, for a new one would have to be made known to all at once.
const AUTHORITY_LIFE: i64 = 20 * 365 * DAY;
/// How long a certificate lives.
const LEAF_LIFE: i64 = 90 * DAY;
/// Clocks may be behind by this much.
const SKEW: i64 = 300;

/// Certificates and keys, PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) authority_key: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Certificates that cannot be made or used.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    /// A name cannot stand in a certificate.
    #[error("{name:?} cannot stand in a certificate")]
    Name { name: String },
    /// The library failed.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    /// The authority of the store's users cannot sign.
    #[error("the authority that signs certificates for agents cannot be used: {problem}")]
    Users { problem: String },
    /// The authority that is there cannot sign.
    #[error(
        "the authority in the Secret cannot be used: {problem}; restore it, or delete the Secret to have a new one made, \
         and restart all Pods"
    )]
    Authority { problem: String },
}

/// Makes an authority and a certificate for `names`.
pub(crate) fn make(cluster: &str, names: &[String], now: i64) -> Result<Certificates, TlsError> {
    let key = KeyPair::generate()?;
    let mut params = params(&format!("{cluster} authority"), now, AUTHORITY_LIFE);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = params.self_signed(&key)?.pem();
    sign(&authority, &key.serialize_pem(), cluster, names, now)
}

/// Makes a certificate by an authority that is there.
pub(crate) fn sign(
    authority: &str,
    authority_key: &str,
    cluster: &str,
    names: &[String],
    now: i64,
) -> Result<Certificates, TlsError> {
    let usable = Authority::read(authority, authority_key, now)
        .map_err(|problem| TlsError::Authority { problem: problem.to_owned() })?;
    let mut params = leaf(cluster, now, usable.not_after);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let alternative = |name: &String| {
        let text = Ia5String::try_from(name.clone()).map_err(|_| TlsError::Name { name: name.clone() })?;
        Ok(SanType::DnsName(text))
    };
    params.subject_alt_names = names.iter().map(alternative).collect::<Result<_, TlsError>>()?;
    let Signed { certificate, key } = usable.sign(&params)?;
    Ok(Certificates {
        authority: authority.to_owned(),
        authority_key: authority_key.to_owned(),
        certificate,
        key,
    })
}

/// A certificate and its key, PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Makes a certificate with which somebody is `user` where the authority is believed.
pub(crate) fn sign_user(
    authority: &str,
    authority_key: &str,
    user: &str,
    now: i64,
) -> Result<Signed, TlsError> {
    let usable = Authority::read(authority, authority_key, now)
        .map_err(|problem| TlsError::Users { problem: problem.to_owned() })?;
    let mut params = leaf(user, now, usable.not_after);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    usable.sign(&params)
}

/// Returns whether a certificate is that of `user` by this authority, and has a third of its life left.
pub(crate) fn is_good_user(signed: &Signed, authority: &str, user: &str, now: i64) -> bool {
    let Some(facts) = Facts::read(&signed.certificate) else { return false };
    let Some(issuer) = Facts::read(authority) else { return false };
    facts.has_key(&signed.key)
        && facts.is_young(&issuer, now)
        && facts.common_name == user
        && is_signed_by(&signed.certificate, authority)
}

fn is_signed_by(certificate: &str, authority: &str) -> bool {
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).ok();
    let (Some(certificate), Some(authority)) = (der(certificate), der(authority)) else { return false };
    let parsed = X509Certificate::from_der(&certificate).ok().zip(X509Certificate::from_der(&authority).ok());
    parsed.is_some_and(|((_, certificate), (_, authority))| {
        certificate.issuer() == authority.subject()
            && certificate.verify_signature(Some(authority.public_key())).is_ok()
    })
}

/// An authority that can sign.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    not_after: i64,
}

impl Authority {
    /// Reads it, or says what is wrong with it.
    fn read(certificate: &str, key: &str, now: i64) -> Result<Self, &'static str> {
        let facts = Facts::read(certificate).ok_or("it is no certificate")?;
        if facts.not_after <= now {
            return Err("it has expired");
        }
        let key = KeyPair::from_pem(key).map_err(|_| "its key cannot be read")?;
        if key.subject_public_key_info() != facts.public_key {
            return Err("ca.key belongs to another certificate");
        }
        let issuer = Issuer::from_ca_cert_pem(certificate, key).map_err(|_| "it is none that can sign")?;
        Ok(Self { issuer, not_after: facts.not_after })
    }

    fn sign(&self, params: &CertificateParams) -> Result<Signed, TlsError> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Signed { certificate, key: key.serialize_pem() })
    }
}

/// Returns what all certificates say that sign nothing.
fn leaf(name: &str, now: i64, authority_ends: i64) -> CertificateParams {
    let mut params = params(name, now, LEAF_LIFE.min(authority_ends - now));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.use_authority_key_identifier_extension = true;
    params
}

/// Returns whether a certificate is good for `names` and has a third of its life left.
pub(crate) fn is_good(certificates: &Certificates, names: &[String], now: i64) -> bool {
    let Some(facts) = Facts::read(&certificates.certificate) else { return false };
    let Some(authority) = Facts::read(&certificates.authority) else { return false };
    facts.has_key(&certificates.key)
        && facts.is_young(&authority, now)
        && facts.issuer == authority.subject
        && names.iter().all(|name| facts.names.contains(name))
}

fn params(name: &str, now: i64, life: i64) -> CertificateParams {
    let moment =
        |seconds: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds.max(0).unsigned_abs());
    let mut params = CertificateParams::default();
    params.not_before = moment(now - SKEW);
    params.not_after = moment(now + life);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// What a certificate says.
struct Facts {
    public_key: Vec<u8>,
    subject: Vec<u8>,
    common_name: String,
    issuer: Vec<u8>,
    names: BTreeSet<String>,
    not_before: i64,
    not_after: i64,
}

impl Facts {
    fn read(pem: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let (_, parsed) = X509Certificate::from_der(&der).ok()?;
        let alternatives = parsed.subject_alternative_name().ok()?;
        let common_name = parsed
            .subject()
            .iter_common_name()
            .next()
            .and_then(|name| name.as_str().ok())
            .unwrap_or_default();
        let names = alternatives.iter().flat_map(|names| &names.value.general_names);
        let names = names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
        Some(Self {
            public_key: parsed.public_key().raw.to_vec(),
            subject: parsed.subject().as_raw().to_vec(),
            common_name: common_name.to_owned(),
            issuer: parsed.issuer().as_raw().to_vec(),
            names: names.collect(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
        })
    }

    /// Returns whether this is the key's certificate.
    fn has_key(&self, key: &str) -> bool {
        KeyPair::from_pem(key).is_ok_and(|key| key.subject_public_key_info() == self.public_key)
    }

    /// Returns whether a third of its life is left. An authority that ends soon cannot give more time than it has.
    fn is_young(&self, authority: &Self, now: i64) -> bool {
        let third = (self.not_after - self.not_before) / 3;
        self.not_after - now >= third || self.not_after >= authority.not_after && self.not_after > now
    }
}

#[cfg(test)]
mod tests;
