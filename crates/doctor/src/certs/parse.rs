//! What a certificate says.

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use stanchion_doctor_core::{Certificate, FoundIn};
use thiserror::Error;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Error};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Something that is no certificate.
#[derive(Debug, Error)]
#[error("it is no certificate: {0}")]
pub(super) struct ParseError(String);

/// A certificate with what it says.
#[derive(Clone, Debug)]
pub(super) struct Parsed {
    pub(super) facts: Certificate,
    der: CertificateDer<'static>,
}

impl Parsed {
    /// Reads a certificate that was found at `source`.
    pub(super) fn new(
        der: CertificateDer<'static>,
        source: String,
        found_in: FoundIn,
    ) -> Result<Self, ParseError> {
        let x509 = read(&der)?;
        let facts = Certificate {
            source,
            found_in,
            subject: x509.subject().to_string(),
            issuer: x509.issuer().to_string(),
            not_before: x509.validity().not_before.timestamp(),
            not_after: x509.validity().not_after.timestamp(),
            is_authority: x509.is_ca(),
            ..Certificate::default()
        };
        Ok(Self { facts, der })
    }

    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub(super) fn is_self_signed(&self) -> bool {
        read(&self.der).is_ok_and(|x509| x509.subject().as_raw() == x509.issuer().as_raw())
    }

    /// Returns whether its issuer has the name of `authority`.
    pub(super) fn names_as_issuer(&self, authority: &Self) -> bool {
        match (read(&self.der), read(&authority.der)) {
            (Ok(own), Ok(other)) => own.issuer().as_raw() == other.subject().as_raw(),
            _ => false,
        }
    }

    /// Returns whether it was made for a key.
    pub(super) fn is_of(&self, key: &SubjectPublicKeyInfoDer<'_>) -> bool {
        read(&self.der).is_ok_and(|x509| x509.public_key().raw == key.as_ref())
    }

    /// Returns whether `authority` signed it, as far as that can be told.
    pub(super) fn is_signed_by(&self, authority: &Self) -> bool {
        self.signature_of(authority) == Signature::Good
    }

    /// Compares its signature with the key of `authority`.
    pub(super) fn signature_of(&self, authority: &Self) -> Signature {
        let (Ok(own), Ok(other)) = (read(&self.der), read(&authority.der)) else { return Signature::Unread };
        let key = other.public_key();
        match own.verify_signature(Some(key)) {
            Ok(()) => Signature::Good,
            Err(X509Error::SignatureVerificationError) if !is_short(key) => Signature::Bad,
            Err(_) => Signature::Unread,
        }
    }
}

/// What the key of an authority says of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// It was made with it.
    Good,
    /// It was not.
    Bad,
    /// Signatures of this sort cannot be verified here: of curves as P-521, of short RSA keys.
    Unread,
}

/// Returns whether it is an RSA key that is too short for the verification here.
fn is_short(key: &SubjectPublicKeyInfo<'_>) -> bool {
    const SHORTEST: usize = 2048;
    matches!(key.parsed(), Ok(PublicKey::RSA(key)) if key.key_size() < SHORTEST)
}

fn read<'a>(der: &'a CertificateDer<'static>) -> Result<X509Certificate<'a>, ParseError> {
    match X509Certificate::from_der(der) {
        Ok((_, x509)) => Ok(x509),
        Err(error) => Err(ParseError(error.to_string())),
    }
}
