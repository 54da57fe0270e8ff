use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use stanchion_doctor_core::{Certificate, FoundIn};

use super::*;

/// An authority of a name, with its key.
fn authority(name: &str) -> (rcgen::Certificate, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate, Issuer::new(params, key))
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn write_leaf(directory: &Path, file: &str, name: &str, issuer: &Issuer<'_, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let leaf = named(name).signed_by(&key, issuer).expect("a certificate");
    fs::write(directory.join(format!("{file}.crt")), leaf.pem()).expect("it is written");
    fs::write(directory.join(format!("{file}.key")), key.serialize_pem()).expect("it is written");
}

async fn read_from(directory: &Path) -> (Vec<Certificate>, Option<Reading>) {
    let mut facts = Facts::new(0);
    let options = CertificateOptions {
        directories: vec![directory.to_owned()],
        connect_timeout: Duration::from_secs(5),
        ..CertificateOptions::default()
    };
    read_certificates(&options, &mut facts).await;
    (facts.certificates, facts.readings.remove(&Need::Certificates))
}

fn of<'a>(found: &'a [Certificate], end: &str) -> &'a Certificate {
    found.iter().find(|one| one.source.ends_with(end)).unwrap_or_else(|| panic!("no {end} in {found:#?}"))
}

#[tokio::test]
async fn files_are_compared_with_their_authority_and_their_key() {
    let folder = tempfile::tempdir().expect("a directory");
    let pki = folder.path().join("pki");
    fs::create_dir(&pki).expect("a directory");
    let (certificate, issuer) = authority("kubernetes");
    fs::write(pki.join("ca.crt"), certificate.pem()).expect("it is written");
    write_leaf(&pki, "apiserver", "kube-apiserver", &issuer);
    // An authority of the same name that nobody trusts, and one that is not there at all.
    write_leaf(&pki, "foreign", "kube-apiserver", &authority("kubernetes").1);
    write_leaf(&pki, "lonely", "kube-apiserver", &authority("somebody").1);
    write_leaf(&pki, "half", "kube-apiserver", &issuer);
    fs::copy(pki.join("apiserver.key"), pki.join("half.key")).expect("a renewal by half");
    let (found, reading) = read_from(folder.path()).await;
    assert!(matches!(reading, Some(Reading::Read { .. })), "{reading:?}");
    let ca = pki.join("ca.crt").display().to_string();
    let good = of(&found, "apiserver.crt");
    assert_eq!(
        (&good.chain, good.key_fits, good.found_in),
        (&Chain::Signed { by: ca.clone() }, Some(true), FoundIn::File)
    );
    assert_eq!((good.subject.as_str(), good.issuer.as_str()), ("CN=kube-apiserver", "CN=kubernetes"));
    assert_eq!(of(&found, "foreign.crt").chain, Chain::Foreign { by: ca });
    assert_eq!(of(&found, "lonely.crt").chain, Chain::Unknown);
    assert_eq!(of(&found, "half.crt").key_fits, Some(false));
    assert!(of(&found, "ca.crt").is_authority);
}

#[tokio::test]
async fn what_is_embedded_in_a_kubeconfig_is_found_and_what_is_damaged_is_told() {
    use base64::Engine as _;
    let folder = tempfile::tempdir().expect("a directory");
    let (certificate, _) = authority("kubernetes");
    let data = base64::engine::general_purpose::STANDARD.encode(certificate.pem());
    let config = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{server: 'https://x', certificate-authority-data: {data}}}\n\
         users:\n- name: admin\n  user: {{client-certificate-data: {data}}}\n"
    );
    fs::write(folder.path().join("admin.conf"), config).expect("it is written");
    fs::write(folder.path().join("other.conf"), "[section]\nkey = 1\n").expect("it is written");
    let torn = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("torn.crt"), torn).expect("it is written");
    let (found, reading) = read_from(folder.path()).await;
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(of(&found, "user admin").found_in, FoundIn::Kubeconfig);
    let Some(Reading::Partly { missing, .. }) = reading else { panic!("{reading:?}") };
    assert!(missing.len() == 1 && missing[0].contains("torn.crt"), "{missing:?}");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().expect("a directory");
    let (found, reading) = read_from(&folder.path().join("nothing")).await;
    assert!(found.is_empty() && matches!(reading, Some(Reading::Failed { .. })), "{reading:?}");
}

#[test]
fn authorities_that_are_on_their_way_out_are_still_trusted() {
    let parsed = |certificate: &rcgen::Certificate, found_in| {
        Parsed::new(certificate.der().clone(), "here".to_owned(), found_in).expect("a certificate")
    };
    let ((old, issuer), (new, _)) = (authority("webhooks"), authority("webhooks"));
    let leaf = named("web.shop.svc").signed_by(&KeyPair::generate().expect("a key"), &issuer);
    let leaf = parsed(&leaf.expect("a certificate"), FoundIn::Object);
    let new = parsed(&new, FoundIn::Object);
    let chain = |others: &[Parsed]| judge(vec![leaf.clone(), new.clone()], others).swap_remove(0).chain;
    assert!(matches!(chain(&[]), Chain::Foreign { .. }), "{:?}", chain(&[]));
    let old = parsed(&old, FoundIn::Object);
    assert!(matches!(chain(&[old]), Chain::Signed { .. }));
}
