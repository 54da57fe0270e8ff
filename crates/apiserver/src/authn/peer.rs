//! Clients that showed a certificate.

use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::oid_registry::{OID_X509_COMMON_NAME, OID_X509_ORGANIZATION_NAME};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{CREDENTIAL_ID, User};

/// The part of a subject that holds the uid of a user.
const UID: &str = "1.3.6.1.4.1.57683.2";

/// The client of a connection, as its certificate names it; TLS has verified the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    user: User,
    not_before: i64,
    not_after: i64,
}

impl Peer {
    /// Reads who a certificate is for, which is nobody if it has no common name.
    pub(crate) fn from_certificate(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let (mut name, mut uid, mut groups) = (String::new(), String::new(), Vec::new());
        for attribute in parsed.subject().iter_attributes() {
            let kind = attribute.attr_type();
            if *kind == OID_X509_COMMON_NAME {
                attribute.as_str().ok()?.clone_into(&mut name);
            } else if *kind == OID_X509_ORGANIZATION_NAME {
                groups.push(attribute.as_str().ok()?.to_owned());
            } else if kind.to_id_string() == UID {
                if !uid.is_empty() {
                    return None;
                }
                attribute.as_str().ok()?.clone_into(&mut uid);
            }
        }
        if name.is_empty() {
            return None;
        }
        let digest: [u8; 32] = Sha256::digest(certificate).into();
        let id = digest.iter().fold("X509SHA256=".to_owned(), |id, byte| format!("{id}{byte:02x}"));
        let mut user = User { uid, ..User::known(name, groups) };
        user.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
        let validity = parsed.validity();
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        Some(Self { user, not_before, not_after })
    }

    /// Makes somebody who is known because it is part of this process.
    pub(crate) fn local(name: String, groups: Vec<String>) -> Self {
        Self { user: User::known(name, groups), not_before: i64::MIN, not_after: i64::MAX }
    }

    /// Returns who it is.
    pub(crate) fn user(&self) -> &User {
        &self.user
    }

    /// Returns whether the certificate counts now; connections may live longer than certificates.
    pub(super) fn is_valid(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn certificate(parts: &[(DnType, &str)]) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        params.self_signed(&KeyPair::generate().expect("a key")).expect("signed").der().clone()
    }

    #[test]
    fn subjects_are_users() {
        let uid = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 57683, 2]);
        let subject = [(DnType::OrganizationName, "team"), (DnType::CommonName, "jane"), (uid, "u-1")];
        let peer = Peer::from_certificate(&certificate(&subject)).expect("a name");
        let User { name, uid, groups, extra } = peer.user();
        assert_eq!((name.as_str(), uid.as_str()), ("jane", "u-1"));
        assert_eq!(*groups, ["team", "system:authenticated"]);
        let id = &extra["authentication.kubernetes.io/credential-id"][0];
        assert!(id.starts_with("X509SHA256=") && id.len() == 11 + 64, "{id}");
        assert!(
            peer.is_valid(1_590_000_000) && !peer.is_valid(1_577_000_000) && !peer.is_valid(1_610_000_000)
        );
    }

    #[test]
    fn nobody_without_a_name() {
        assert_eq!(Peer::from_certificate(&certificate(&[(DnType::OrganizationName, "team")])), None);
        assert_eq!(Peer::from_certificate(&CertificateDer::from(vec![0x30, 0x82, 1])), None);
    }
}
