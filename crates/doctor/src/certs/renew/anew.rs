//! A certificate like another, with another time.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData};
use rustls::SignatureScheme;
use rustls::crypto::ring::default_provider;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest as _, Sha256};
use stanchion_doctor_core::LeafKey;
use stanchion_machinery::time::format_seconds;
use thiserror::Error;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use yasna::tags::{TAG_GENERALIZEDTIME, TAG_UTCTIME};
use yasna::{ASN1Error, ASN1Result, BERReader, DERWriter, Tag};

/// It is valid so many seconds before it is made, as clocks differ.
const BEFORE: i64 = 300;
/// From here on times are written with four digits of the year: 2050-01-01.
const FOUR_DIGITS: i64 = 2_524_608_000;
/// The object identifier of the extension that names the key, as DER.
const KEY_ID: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x0e];
/// The tag of the version, which may be missing, and that of the extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// Why a certificate cannot be made.
#[derive(Debug, Error)]
pub enum AnewError {
    /// The old one is none that is understood.
    #[error("the old one has another form than certificates have: {0}")]
    Form(String),
    /// It was signed in a way that is not known here.
    #[error("it is signed with {0}, which is not known here")]
    Algorithm(String),
    /// The key of the authority is of no use.
    #[error("the key of its authority does not sign as the old one was signed: {0}")]
    Authority(String),
    /// No key can be made.
    #[error("no key can be made")]
    Key(#[source] rcgen::Error),
    /// There is no randomness.
    #[error("the system gives no random numbers")]
    Random,
    /// The authority does not own up to it.
    #[error("what came of it is not of its authority")]
    Foreign,
}

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A new certificate.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) certificate: Vec<u8>,
    /// The new key as PEM; nothing if the old one is kept.
    pub(super) key: Option<String>,
}

/// Returns the kind of a certificate's key, if it is a known one.
pub(super) fn kind(certificate: &[u8]) -> Option<KeyKind> {
    let (_, x509) = X509Certificate::from_der(certificate).ok()?;
    let algorithm = &x509.public_key().algorithm;
    let curve =
        algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok()).map(|curve| curve.to_id_string());
    match (algorithm.algorithm.to_id_string().as_str(), curve.as_deref()) {
        ("1.2.840.113549.1.1.1", _) => Some(KeyKind::Rsa),
        ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => Some(KeyKind::P256),
        ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => Some(KeyKind::P384),
        ("1.3.101.112", _) => Some(KeyKind::Ed25519),
        _ => None,
    }
}

/// Makes a certificate like `old` that is valid in another time.
pub(super) fn make(
    old: &[u8],
    authority: &PrivateKeyDer<'static>,
    (now, not_after): (i64, i64),
    key: LeafKey,
) -> Result<Made, AnewError> {
    let key = match (key, kind(old)) {
        (LeafKey::Renewed, Some(KeyKind::P256)) => Some(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)),
        (LeafKey::Renewed, Some(KeyKind::P384)) => Some(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)),
        (LeafKey::Renewed, Some(KeyKind::Ed25519)) => Some(KeyPair::generate_for(&PKCS_ED25519)),
        _ => None,
    };
    let key = key.transpose().map_err(AnewError::Key)?;
    let public = key.as_ref().map(PublicKeyData::subject_public_key_info);
    let form = |error: ASN1Error| AnewError::Form(error.to_string());
    let [to_be_signed, algorithm] = parts_of(old).map_err(form)?;
    let body = body(&to_be_signed, &serial()?, (now - BEFORE, not_after), public.as_deref()).map_err(form)?;
    let signature = sign(old, &body, authority)?;
    let certificate = yasna::construct_der(|writer| {
        writer.write_sequence(|parts| {
            parts.next().write_der(&body);
            parts.next().write_der(&algorithm);
            parts.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
    });
    Ok(Made { certificate, key: key.map(|key| pem("PRIVATE KEY", key.serialized_der())) })
}

/// Writes PEM.
pub(super) fn pem(tag: &str, der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(tag, der), config)
}

/// Returns what is signed of a certificate, and with what it is.
fn parts_of(certificate: &[u8]) -> ASN1Result<[Vec<u8>; 2]> {
    let mut parts = elements(certificate)?.into_iter();
    match (parts.next(), parts.next()) {
        (Some(body), Some(algorithm)) => Ok([body, algorithm]),
        _ => Err(ASN1Error::new(yasna::ASN1ErrorKind::Invalid)),
    }
}

/// Returns the elements of a sequence as they are written.
fn elements(sequence: &[u8]) -> ASN1Result<Vec<Vec<u8>>> {
    yasna::parse_der(sequence, raw)
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method itself is of one lifetime, and any is asked for"
)]
fn raw(sequence: BERReader<'_, '_>) -> ASN1Result<Vec<Vec<u8>>> {
    sequence.collect_sequence_of(|part| part.read_der())
}

/// Writes what is to be signed: the old, with another number, time and key.
fn body(
    old: &[u8],
    serial: &[u8],
    (not_before, not_after): (i64, i64),
    key: Option<&[u8]>,
) -> ASN1Result<Vec<u8>> {
    let mut parts = elements(old)?;
    let first = usize::from(parts.first().and_then(|part| part.first()) == Some(&VERSION));
    // Serial number, algorithm, issuer, validity, subject, key.
    if parts.len() < first + 6 {
        return Err(ASN1Error::new(yasna::ASN1ErrorKind::Invalid));
    }
    parts[first] = yasna::construct_der(|writer| writer.write_bigint_bytes(serial, true));
    parts[first + 3] = yasna::construct_der(|writer| {
        writer.write_sequence(|times| {
            time(times.next(), not_before);
            time(times.next(), not_after);
        });
    });
    if let Some(key) = key {
        parts[first + 5] = key.to_vec();
        for part in parts.iter_mut().skip(first + 6).filter(|part| part.first() == Some(&EXTENSIONS)) {
            *part = with_key_id(part, key)?;
        }
    }
    Ok(sequence(&parts))
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|all| parts.iter().for_each(|part| all.next().write_der(part)));
    })
}

/// Writes extensions with the name of another key, if they name one.
fn with_key_id(extensions: &[u8], key: &[u8]) -> ASN1Result<Vec<u8>> {
    let tag = Tag::context(3);
    let all = yasna::parse_der(extensions, |reader| reader.read_tagged(tag, raw))?;
    let digest = Sha256::digest(key);
    let mut renamed = Vec::with_capacity(all.len());
    for extension in all {
        let mut parts = elements(&extension)?;
        if parts.first().map(Vec::as_slice) == Some(&KEY_ID)
            && let Some(value) = parts.last_mut()
        {
            let id = yasna::construct_der(|writer| writer.write_bytes(&digest[..20]));
            *value = yasna::construct_der(|writer| writer.write_bytes(&id));
            renamed.push(sequence(&parts));
        } else {
            renamed.push(extension);
        }
    }
    Ok(yasna::construct_der(|writer| {
        writer.write_tagged(tag, |writer| writer.write_der(&sequence(&renamed)));
    }))
}

/// Writes a moment as certificates do.
fn time(writer: DERWriter<'_>, seconds: i64) {
    let text = format_seconds(seconds).replace(['-', ':', 'T'], "");
    let (tag, text) =
        if seconds < FOUR_DIGITS { (TAG_UTCTIME, &text[2..]) } else { (TAG_GENERALIZEDTIME, text.as_str()) };
    writer.write_tagged_implicit(tag, |writer| writer.write_bytes(text.as_bytes()));
}

/// Returns a number that no other certificate has.
fn serial() -> Result<[u8; 16], AnewError> {
    let mut serial = [0; 16];
    default_provider().secure_random.fill(&mut serial).map_err(|_| AnewError::Random)?;
    // Positive, and always of this length.
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

/// Signs as the old certificate was signed.
fn sign(old: &[u8], body: &[u8], authority: &PrivateKeyDer<'static>) -> Result<Vec<u8>, AnewError> {
    let (_, x509) = X509Certificate::from_der(old).map_err(|error| AnewError::Form(error.to_string()))?;
    let algorithm = x509.signature_algorithm.algorithm.to_id_string();
    let scheme = match algorithm.as_str() {
        "1.2.840.113549.1.1.11" => SignatureScheme::RSA_PKCS1_SHA256,
        "1.2.840.113549.1.1.12" => SignatureScheme::RSA_PKCS1_SHA384,
        "1.2.840.113549.1.1.13" => SignatureScheme::RSA_PKCS1_SHA512,
        "1.2.840.10045.4.3.2" => SignatureScheme::ECDSA_NISTP256_SHA256,
        "1.2.840.10045.4.3.3" => SignatureScheme::ECDSA_NISTP384_SHA384,
        "1.3.101.112" => SignatureScheme::ED25519,
        _ => return Err(AnewError::Algorithm(algorithm)),
    };
    let failed = |error: rustls::Error| AnewError::Authority(error.to_string());
    let key = any_supported_type(authority).map_err(failed)?;
    let signer = key.choose_scheme(&[scheme]).ok_or(AnewError::Algorithm(algorithm))?;
    signer.sign(body).map_err(failed)
}
