//! The keys were made with `openssl genrsa -traditional` and `openssl ecparam -genkey` for these tests alone.

use super::*;

const RSA_KEY: &str = "-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAiVHjwWQkm7s+F590eax5Zi2YLYDaY2K/b2RxiFXqZQRrx2DJ
t4R5Z/7RlahuwBDGCqXExnnNYoNBhuYraIAQup7Sm2fh0S82FKZuEJTDYVLZt9YH
81dEhjzMZQsWlr8QKdmQDoXRBg/zr+s1p8m9vuIummhqNSQ52ufB672QhpSpfRrq
gKZeGzeU7Oj8oN0zi/Yj3Y4XugsgDEt7E8a6F9TMq2t/tEQP/ntdczhOT5f7ET0B
ymyEDGV7vwEgz8J5bBqDpk8SvRQZAqV2Yowp5CLOwN9XO+vvkH/PZAB6NkQK6vFd
bzxcYiO8TqjB97CJ72z2oOaRW7y5J4QnauWGCQIDAQABAoIBAAt+aLdft/a3Aff9
N0UV7CVizJmGbwEhm09qE1yrgE6LQ7AxCEFNm9HaENXbfsWhwcnTXTiVqlzECsCN
VHXPPlc4gv1SASM+teKdmZnWsdHcGvAZwJmcJNatkRgmCPJ+NI6kMLwedEPzIt0H
LXsJVlH7YZY4BifDi/ooKuGeANJa0L7Oan2CCNr5zOHdPKA+5xsQi6+W0mtT6SCf
AJzBH0hNE9qhBOdd5NYgTI3o1HR9CkcrugfeVd3GTK/r58KBPaVCSvGPO3613yVT
mTBagz+JKjCravjqoPudNUzPYrAWBAfR4raJL+FIWUE88iN6Oe2iTpqOwfBr1SyW
6gh0NPkCgYEAvnwRAmWL+peMq/FrndC7ikvcROPTT0qFcyG04r3kGRIc3mfUugQR
FSVl3gosh1Z9hPerrJ+ow3Gy3jboiY7/epMuaW0ObyLN7GX1pf1hEEYesHr/t5MT
Ico1pk1fSpNEJQE9vT6Xjenw4aXdtkF6EhDoL5q5q/nzs2cvt0qHwMUCgYEAuIy7
uR0/qO7nj/pXPh9fjOyUqt0lEe536QwXFfp5XdLDVXwuL8VlZUxBZ4GfU3QlIs9j
TuK88327b/8GwUg6h6H5FxSWEC32eKAy57VV3fMG3HRrmWPvpxkv9cyC6/IF76yd
1HxYQDO5rXrulu1tipz2N6oywMkYulC30BU/fHUCgYBC57rlt5sqAo8DWcGt5cHp
emm8vLTc1dT3snAhcActEyKWr6uVRpZlcgRMsBAh3SwrRv7CnDWfqFDmIi0dG9/6
QrX7i7WVLYlcrhdRHSU5nRdsb1dgOEVxCeA8MFL3E7DMupnf3ZtH2lKkPykXufnR
XKThC5yJnjqN2gF1hLUX7QKBgQC1oHQEPF/xr6YgUf3YuuG7/P5XpqucGTjUGD0E
OW2GxC3QDRYbl8cxybm4155pcK43symGcqoJbV2yXKhWQvKvl95hM7Z4l/OxReCz
oAixFkRTZRSccvliV+yWmT7kXV4wQo9Wl0X3cbC0pn739RXQzKeZoxyuFXwLqfMt
jCveHQKBgG8PsB7fDX1Yv6I2t5hhZ0xKaNqGARAiHg/br9zpvpPC5e/QMCOPIbtm
+9mj9LM3RSQbvgYZI75Thg6npZHeandDTKjS2s3PERdWm0rGqmqPPCvqFPN++MXk
qbFYf+cuAd1VTOJ2Bc8utH5iwnPQgqk0j1IXzOCYkBc+4yBDhIBl
-----END RSA PRIVATE KEY-----";
const P256_KEY: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIAa/olxGkPu0XI1U7qQ3iWJlOKOAXR93WHfU2/mqRzWzoAoGCCqGSM49
AwEHoUQDQgAEP2CXEMkUqGC87vmrtpntpwRSnPQsupWjTqXSHYIDphLslDAju8Pz
TWTys1HKUu6z1I/neK4CDxK9O1AP9FhxTA==
-----END EC PRIVATE KEY-----";
const P384_KEY: &str = "-----BEGIN EC PRIVATE KEY-----
MIGkAgEBBDCXBdgB7QAHCuzuHI8Tg9Y5ov0FvRpt/8quAeqbWdIqjDklVfNPUA5J
8JnF2O6Sj4KgBwYFK4EEACKhZANiAATon5SJWYGrvbTeujADMmI5EqR1pWPnbekW
xdsEaWLNroys3UznaCa6k5qAQpwhuy29B5YhF5z2zGNUCO0Uv3l0SjCI+NMZliFK
ETUYrrc8MJKo6XyNZdGf+fzuR/a8aew=
-----END EC PRIVATE KEY-----";
const P521_KEY: &str = "-----BEGIN EC PRIVATE KEY-----
MIHcAgEBBEIA2hXZO81denQKb0+QRB4Y6BBSY2vlbt8xnaPdXs5mYuOgfZSvRtI2
aMPG1VUgcj6p1gJppOkVuD7TWBP+fswFVRmgBwYFK4EEACOhgYkDgYYABAEn4sTa
7YPAAzse3TjNSS8SRtf3Yfi7abTpT3l6SVETiIJwZY4XFl8yDWuTY1OF/xDukuvA
vGvjQHXxILK+3Ag7pAEQq59AMN182eqRXdgy98rLnbUNRcAPyMONjAYplvdmEMYv
DkiEz8VPcWnuiDURIAD1lUvPdwt72kjizwgmxX2Fqw==
-----END EC PRIVATE KEY-----";
const RSA_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAiVHjwWQkm7s+F590eax5
Zi2YLYDaY2K/b2RxiFXqZQRrx2DJt4R5Z/7RlahuwBDGCqXExnnNYoNBhuYraIAQ
up7Sm2fh0S82FKZuEJTDYVLZt9YH81dEhjzMZQsWlr8QKdmQDoXRBg/zr+s1p8m9
vuIummhqNSQ52ufB672QhpSpfRrqgKZeGzeU7Oj8oN0zi/Yj3Y4XugsgDEt7E8a6
F9TMq2t/tEQP/ntdczhOT5f7ET0BymyEDGV7vwEgz8J5bBqDpk8SvRQZAqV2Yowp
5CLOwN9XO+vvkH/PZAB6NkQK6vFdbzxcYiO8TqjB97CJ72z2oOaRW7y5J4QnauWG
CQIDAQAB
-----END PUBLIC KEY-----";
/// What `openssl rsa -pubout -outform DER | openssl dgst -sha256 -binary | basenc --base64url` says.
const RSA_ID: &str = "6OMG2TX9NhUIBl8hEDEFa_F0R-82Npi9KvB5p68vjpc";

#[test]
fn keys_of_all_kinds_sign_what_they_verify() {
    let fresh = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    for (pem, algorithm) in
        [(RSA_KEY, "RS256"), (P256_KEY, "ES256"), (P384_KEY, "ES384"), (fresh.as_str(), "ES256")]
    {
        let key = SigningKey::from_pem(pem.as_bytes()).expect(algorithm);
        assert_eq!(
            (key.public().algorithm(), key.public().jwk()["alg"].as_str()),
            (algorithm, Some(algorithm))
        );
        let mut signature = key.sign(b"message").expect("signed");
        assert!(key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"massage", &signature));
        assert!(!key.public().verifies(b"message", &[]));
        signature[9] ^= 1;
        assert!(!key.public().verifies(b"message", &signature));
    }
}

#[test]
fn public_keys_are_the_same_however_they_are_written() {
    let all =
        VerifyingKey::all(format!("{RSA_PUBLIC}\n{RSA_KEY}\n{P384_KEY}").as_bytes()).expect("three keys");
    let ids: Vec<&str> = all.iter().map(VerifyingKey::id).collect();
    assert_eq!(ids[..2], [RSA_ID, RSA_ID]);
    assert_eq!(ids.len(), 3);
    let jwk = all[0].jwk();
    assert_eq!(
        (jwk["kty"].as_str(), jwk["e"].as_str(), jwk["kid"].as_str()),
        (Some("RSA"), Some("AQAB"), Some(RSA_ID))
    );
    assert_eq!(URL_SAFE_NO_PAD.decode(jwk["n"].as_str().expect("a modulus")).expect("base64").len(), 256);
    let jwk = all[2].jwk();
    assert_eq!((jwk["kty"].as_str(), jwk["crv"].as_str()), (Some("EC"), Some("P-384")));
    for part in ["x", "y"] {
        assert_eq!(URL_SAFE_NO_PAD.decode(jwk[part].as_str().expect("a number")).expect("base64").len(), 48);
    }
    let pair = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).expect("signed").pem();
    let of = |pem: &str| VerifyingKey::all(pem.as_bytes()).expect("a key")[0].id().to_owned();
    assert_eq!(of(&certificate), of(&pair.public_key_pem()));
}

#[test]
fn what_is_no_key_is_refused() {
    let broken = P256_KEY.replace("MHc", "MHd");
    for pem in ["", "rubbish", P521_KEY, RSA_PUBLIC, broken.as_str()] {
        assert!(SigningKey::from_pem(pem.as_bytes()).is_err(), "{pem}");
    }
    for pem in ["", "rubbish", P521_KEY, broken.as_str()] {
        assert!(VerifyingKey::all(pem.as_bytes()).is_err(), "{pem}");
    }
}
