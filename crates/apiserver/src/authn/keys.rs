//! Keys that sign and verify tokens: RSA (RS256) and ECDSA on P-256 and P-384 (ES256, ES384).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaKeyPair, UnparsedPublicKey,
};
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
/// The number zero: the version of a PKCS#8 key.
const ZERO: &[u8] = &[2, 1, 0];
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const P256: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22];

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Es256,
    Es384,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::Es384];

    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }

    /// Returns how it is written in front of a key, in DER.
    fn identifier(self) -> &'static [u8] {
        match self {
            Self::Rs256 => RSA,
            Self::Es256 => P256,
            Self::Es384 => P384,
        }
    }

    fn verification(self) -> &'static dyn signature::VerificationAlgorithm {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
        }
    }
}

/// A key that verifies tokens.
#[derive(Clone, Debug)]
pub(super) struct VerifyingKey {
    algorithm: Algorithm,
    raw: Vec<u8>,
    id: String,
    jwk: Value,
}

impl VerifyingKey {
    /// Reads all public keys of a file; private keys and certificates have one, too.
    pub(super) fn all(pem: &[u8]) -> Result<Vec<Self>, String> {
        let mut keys = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            let (kind, der) = section.map_err(|error| error.to_string())?;
            match kind {
                SectionKind::PublicKey => keys.push(Self::from_info(&der)?),
                SectionKind::Certificate => {
                    let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
                    keys.push(Self::from_info(parsed.public_key().raw)?);
                }
                SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
                    keys.push(SigningKey::from_der(kind, &der)?.public);
                }
                _ => {}
            }
        }
        if keys.is_empty() { Err("there is no key in it".to_owned()) } else { Ok(keys) }
    }

    fn from_info(der: &[u8]) -> Result<Self, String> {
        let (_, info) = SubjectPublicKeyInfo::from_der(der).map_err(|error| error.to_string())?;
        let raw = info.subject_public_key.data.to_vec();
        let found = Algorithm::ALL.into_iter().find(|algorithm| der == info_of(*algorithm, &raw));
        Self::new(found.ok_or("keys have to be RSA, or ECDSA on P-256 or P-384")?, raw)
    }

    fn new(algorithm: Algorithm, raw: Vec<u8>) -> Result<Self, String> {
        let info = info_of(algorithm, &raw);
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(&info));
        let (_, parsed) = SubjectPublicKeyInfo::from_der(&info).map_err(|error| error.to_string())?;
        let mut jwk = json!({ "use": "sig", "kid": id, "alg": algorithm.name() });
        match parsed.parsed().map_err(|error| error.to_string())? {
            Parsed::RSA(key) => {
                let number = |bytes: &[u8]| {
                    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                    URL_SAFE_NO_PAD.encode(bytes.get(zeros..).unwrap_or_default())
                };
                jwk["kty"] = json!("RSA");
                jwk["n"] = json!(number(key.modulus));
                jwk["e"] = json!(number(key.exponent));
            }
            Parsed::EC(point) => {
                let curve = if algorithm == Algorithm::Es384 { ("P-384", 48) } else { ("P-256", 32) };
                let point = point.data().strip_prefix(&[4]).filter(|point| point.len() == 2 * curve.1);
                let (x, y) = point.ok_or("the point of the key is not written in full")?.split_at(curve.1);
                jwk["kty"] = json!("EC");
                jwk["crv"] = json!(curve.0);
                jwk["x"] = json!(URL_SAFE_NO_PAD.encode(x));
                jwk["y"] = json!(URL_SAFE_NO_PAD.encode(y));
            }
            _ => return Err("keys have to be RSA or ECDSA".to_owned()),
        }
        Ok(Self { algorithm, raw, id, jwk })
    }

    /// Returns the name of the key, which follows from the key.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the one algorithm that the key is used with.
    pub(super) fn algorithm(&self) -> &'static str {
        self.algorithm.name()
    }

    /// Returns it as a JSON Web Key.
    pub(super) fn jwk(&self) -> &Value {
        &self.jwk
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm.verification(), &self.raw).verify(message, signature).is_ok()
    }
}

/// A key that signs tokens.
pub(super) struct SigningKey {
    pair: Pair,
    public: VerifyingKey,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
}

impl SigningKey {
    /// Reads the first private key of a file: PKCS#8, PKCS#1 or SEC1.
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, String> {
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            let (kind, der) = section.map_err(|error| error.to_string())?;
            match kind {
                SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
                    return Self::from_der(kind, &der);
                }
                _ => {}
            }
        }
        Err("there is no private key in it".to_owned())
    }

    fn from_der(kind: SectionKind, der: &[u8]) -> Result<Self, String> {
        let ecdsa = |pkcs8: &dyn Fn(Algorithm) -> Vec<u8>| {
            let curves: [(Algorithm, &'static EcdsaSigningAlgorithm); 2] = [
                (Algorithm::Es256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
                (Algorithm::Es384, &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            ];
            curves.into_iter().find_map(|(algorithm, signing)| {
                let pair = EcdsaKeyPair::from_pkcs8(signing, &pkcs8(algorithm), &SystemRandom::new()).ok()?;
                Some((algorithm, Pair::Ecdsa(Box::new(pair))))
            })
        };
        let rsa = |pair: Result<RsaKeyPair, _>| Some((Algorithm::Rs256, Pair::Rsa(Box::new(pair.ok()?))));
        let found = match kind {
            SectionKind::RsaPrivateKey => rsa(RsaKeyPair::from_der(der)),
            SectionKind::EcPrivateKey => ecdsa(&|algorithm| {
                let key = tlv(OCTET_STRING, &[der]);
                tlv(SEQUENCE, &[ZERO, &tlv(SEQUENCE, &[algorithm.identifier()]), &key])
            }),
            _ => rsa(RsaKeyPair::from_pkcs8(der)).or_else(|| ecdsa(&|_| der.to_vec())),
        };
        let (algorithm, pair) =
            found.ok_or("keys have to be RSA with 2048 to 4096 bits, or ECDSA on P-256 or P-384")?;
        let raw = match &pair {
            Pair::Rsa(pair) => pair.public().as_ref().to_vec(),
            Pair::Ecdsa(pair) => pair.public_key().as_ref().to_vec(),
        };
        Ok(Self { pair, public: VerifyingKey::new(algorithm, raw)? })
    }

    /// Returns the key that verifies what this one signs.
    pub(super) fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs; fails only if the system has no randomness.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
        }
    }
}

/// Writes a public key the way its name is made from.
fn info_of(algorithm: Algorithm, raw: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&tlv(SEQUENCE, &[algorithm.identifier()]), &bits(raw)])
}

fn bits(raw: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], raw])
}

/// Writes a value of DER: what it is, how long it is, and its parts.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let short = &bytes[bytes.len() - 1..];
    let significant = bytes.iter().position(|byte| *byte != 0).map_or(short, |first| &bytes[first..]);
    let mut all = vec![tag];
    if length >= 0x80 {
        all.push(0x80 | u8::try_from(significant.len()).unwrap_or(u8::MAX));
    }
    all.extend_from_slice(significant);
    for part in parts {
        all.extend_from_slice(part);
    }
    all
}

#[cfg(test)]
mod tests;
