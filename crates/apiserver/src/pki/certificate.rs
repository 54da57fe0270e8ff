//! What a certificate should say, and what one says.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{ExtendedKeyUsagePurpose, PkiError};

/// The groups that fit into a subject as `rcgen` keeps it: one entry by its name, one by its number.
pub(super) const MOST_GROUPS: usize = 2;
/// Organization, as a number.
const ORGANIZATION: [u64; 4] = [2, 5, 4, 10];
/// Clocks of clients may be behind by this much.
const SKEW: i64 = 300;
/// The last time that may stand in a certificate here: the year 9999 is where the format ends.
const LAST: i64 = 253_370_764_800;

/// What a certificate should say.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    name: &'a str,
    groups: &'a [String],
    names: &'a [String],
    usage: Option<ExtendedKeyUsagePurpose>,
}

impl<'a> Wish<'a> {
    pub(super) fn authority(name: &'a str) -> Self {
        Self { name, groups: &[], names: &[], usage: None }
    }

    pub(super) fn server(name: &'a str, names: &'a [String]) -> Self {
        Self { name, groups: &[], names, usage: Some(ExtendedKeyUsagePurpose::ServerAuth) }
    }

    pub(super) fn client(name: &'a str, groups: &'a [String]) -> Self {
        Self { name, groups, names: &[], usage: Some(ExtendedKeyUsagePurpose::ClientAuth) }
    }

    /// Returns it in the form in which it can be signed.
    pub(super) fn params(&self, now: i64, until: i64) -> Result<CertificateParams, PkiError> {
        let moment = |seconds: i64| {
            let seconds = u64::try_from(seconds.clamp(0, LAST)).unwrap_or_default();
            rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
        };
        let mut params = CertificateParams::default();
        params.not_before = moment(now.saturating_sub(SKEW));
        params.not_after = moment(until);
        params.distinguished_name = self.subject()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        match &self.usage {
            None => {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.key_usages.push(KeyUsagePurpose::KeyCertSign);
                params.key_usages.push(KeyUsagePurpose::CrlSign);
            }
            Some(usage) => {
                params.is_ca = IsCa::ExplicitNoCa;
                params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
                params.extended_key_usages = vec![usage.clone()];
                params.use_authority_key_identifier_extension = true;
            }
        }
        params.subject_alt_names =
            self.names.iter().map(|name| alternative(name)).collect::<Result<_, _>>()?;
        Ok(params)
    }

    fn subject(&self) -> Result<DistinguishedName, PkiError> {
        let mut subject = DistinguishedName::new();
        let kinds = [DnType::OrganizationName, DnType::CustomDnType(ORGANIZATION.into())];
        if self.groups.len() > kinds.len() {
            return Err(PkiError::Groups);
        }
        for (kind, group) in kinds.into_iter().zip(self.groups) {
            subject.push(kind, group.as_str());
        }
        subject.push(DnType::CommonName, self.name);
        Ok(subject)
    }

    /// Returns whether a certificate has all names that it should have.
    pub(super) fn is_met_by(&self, facts: &Facts) -> Result<bool, PkiError> {
        for name in self.names {
            let known = match alternative(name)? {
                SanType::IpAddress(address) => facts.addresses.contains(&address),
                _ => facts.names.contains(&name.to_ascii_lowercase()),
            };
            if !known {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn alternative(name: &str) -> Result<SanType, PkiError> {
    if let Ok(address) = name.parse() {
        return Ok(SanType::IpAddress(address));
    }
    let bad = || PkiError::Name { name: name.to_owned() };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '*');
    if name.is_empty() || name.len() > 253 || !name.chars().all(fits) {
        return Err(bad());
    }
    Ok(SanType::DnsName(Ia5String::try_from(name.to_owned()).map_err(|_| bad())?))
}

/// What a certificate says.
#[derive(Debug)]
pub(super) struct Facts {
    der: CertificateDer<'static>,
    spki: Vec<u8>,
    names: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    pub(super) is_authority: bool,
    pub(super) not_after: i64,
}

impl Facts {
    /// Reads the first certificate of a file.
    pub(super) fn of_pem(pem: &str) -> Result<Self, String> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
        let mut facts = Self {
            spki: parsed.public_key().raw.to_vec(),
            names: BTreeSet::new(),
            addresses: BTreeSet::new(),
            is_authority: parsed.is_ca(),
            not_after: parsed.validity().not_after.timestamp(),
            der: CertificateDer::from(Vec::new()),
        };
        if let Ok(Some(alternatives)) = parsed.subject_alternative_name() {
            for name in &alternatives.value.general_names {
                facts.add(name);
            }
        }
        facts.der = der;
        Ok(facts)
    }

    fn add(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(name) => {
                self.names.insert(name.to_ascii_lowercase());
            }
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                self.addresses.extend(v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)));
            }
            _ => {}
        }
    }

    /// Returns whether it is for that key.
    pub(super) fn belongs_to(&self, key: &KeyPair) -> bool {
        key.subject_public_key_info() == self.spki
    }

    /// Returns whether an authority's key signed it.
    pub(super) fn is_signed_by(&self, authority: &Self) -> bool {
        let (Ok((_, own)), Ok((_, key))) =
            (X509Certificate::from_der(&self.der), SubjectPublicKeyInfo::from_der(&authority.spki))
        else {
            return false;
        };
        own.verify_signature(Some(&key)).is_ok()
    }
}
