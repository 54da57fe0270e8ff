use std::os::unix::fs::PermissionsExt as _;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;

use super::*;
use crate::authn::Peer;

const NOW: i64 = 1_800_000_000;

/// What goes wrong in a directory.
type Breakage<'a> = &'a dyn Fn(&Path);

fn names(more: &[&str]) -> Vec<String> {
    let more: Vec<String> = more.iter().map(|&name| name.to_owned()).collect();
    let any = "0.0.0.0".parse().expect("an address");
    serving_names("10.96.0.1".parse().expect("an address"), any, "box", "cluster.local", &more)
}

fn files(dir: &TempDir) -> Vec<(&'static str, String)> {
    let all =
        ["ca.crt", "ca.key", "apiserver.crt", "apiserver.key", "admin.crt", "admin.key", "sa.key", "sa.pub"];
    all.map(|name| (name, fs::read_to_string(dir.path().join(name)).expect("it was made"))).into()
}

fn changed(before: &[(&'static str, String)], after: &[(&'static str, String)]) -> Vec<&'static str> {
    before.iter().zip(after).filter(|(a, b)| a != b).map(|(a, _)| a.0).collect()
}

#[test]
fn everything_is_made_once_and_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    Pki::ensure(dir.path(), &names(&[]), NOW).expect("made");
    let first = files(&dir);
    for (name, _) in &first {
        let mode = fs::metadata(dir.path().join(name)).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode == 0o600, name.ends_with("key"), "{name}: {mode:o}");
    }
    Pki::ensure(dir.path(), &names(&[]), NOW + 300 * DAY).expect("kept");
    assert_eq!(changed(&first, &files(&dir)), Vec::<&str>::new());
    let serving = Facts::of_pem(&first[2].1).expect("a certificate");
    let authority = Facts::of_pem(&first[0].1).expect("a certificate");
    assert_eq!((serving.not_after, authority.not_after), (NOW + 365 * DAY, NOW + 3650 * DAY));
    assert!(
        Wish::server("", &names(&["::1", "kubernetes.default.svc.cluster.local"]))
            .is_met_by(&serving)
            .expect("fine")
    );
}

#[test]
fn certificates_are_renewed_in_time_and_for_new_names() {
    let dir = tempfile::tempdir().expect("a directory");
    Pki::ensure(dir.path(), &names(&[]), NOW).expect("made");
    let first = files(&dir);
    Pki::ensure(dir.path(), &names(&["api.example", "192.0.2.7"]), NOW).expect("renewed");
    let named = files(&dir);
    assert_eq!(changed(&first, &named), ["apiserver.crt", "apiserver.key"]);
    Pki::ensure(dir.path(), &names(&["API.example"]), NOW + 336 * DAY).expect("renewed");
    let later = files(&dir);
    assert_eq!(changed(&named, &later), ["apiserver.crt", "apiserver.key", "admin.crt", "admin.key"]);
}

#[test]
fn what_does_not_fit_together_is_made_anew() {
    let (dir, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    Pki::ensure(dir.path(), &names(&[]), NOW).expect("made");
    Pki::ensure(other.path(), &names(&[]), NOW).expect("made");
    let first = files(&dir);
    let take = |name: &str| {
        fs::copy(other.path().join(name), dir.path().join(name)).expect("copied");
    };
    take("apiserver.key");
    take("admin.crt");
    take("admin.key");
    Pki::ensure(dir.path(), &names(&[]), NOW).expect("renewed");
    assert_eq!(changed(&first, &files(&dir)), ["apiserver.crt", "apiserver.key", "admin.crt", "admin.key"]);
    let (all, ca) = (files(&dir), Facts::of_pem(&first[0].1).expect("a certificate"));
    assert!(Facts::of_pem(&all[4].1).expect("a certificate").is_signed_by(&ca));
    fs::write(dir.path().join("apiserver.crt"), "rubbish").expect("written");
    Pki::ensure(dir.path(), &names(&[]), NOW).expect("renewed");
    assert!(Facts::of_pem(&files(&dir)[2].1).is_ok());
}

#[test]
fn an_authority_is_never_replaced_silently() {
    let broken = |breakage: Breakage<'_>, now: i64| {
        let dir = tempfile::tempdir().expect("a directory");
        Pki::ensure(dir.path(), &[], NOW).expect("made");
        breakage(dir.path());
        Pki::ensure(dir.path(), &[], now).expect_err("a broken authority").to_string()
    };
    let remove = |name: &'static str| move |dir: &Path| fs::remove_file(dir.join(name)).expect("removed");
    let spoil = |name: &'static str| move |dir: &Path| fs::write(dir.join(name), "rubbish").expect("written");
    let other_key = |dir: &Path| {
        fs::copy(dir.join("admin.key"), dir.join("ca.key")).expect("copied");
    };
    let leaf = |dir: &Path| {
        fs::copy(dir.join("admin.key"), dir.join("ca.key")).expect("copied");
        fs::copy(dir.join("admin.crt"), dir.join("ca.crt")).expect("copied");
    };
    let cases: [(Breakage<'_>, i64, [&str; 2]); 7] = [
        (&remove("ca.key"), NOW, ["ca.crt is there, but", "ca.key is not; restore"]),
        (&remove("ca.crt"), NOW, ["ca.key is there, but", "ca.crt is not; restore"]),
        (&spoil("ca.key"), NOW, ["ca.key", "PKCS#8"]),
        (&spoil("ca.crt"), NOW, ["ca.crt", "restore it from a backup"]),
        (&other_key, NOW, ["ca.crt", "belongs to another certificate"]),
        (&leaf, NOW, ["ca.crt", "not the certificate of an authority"]),
        (&|_| {}, NOW + 3651 * DAY, ["ca.crt", "it has expired"]),
    ];
    for (breakage, now, texts) in cases {
        let error = broken(breakage, now);
        assert!(texts.iter().all(|text| error.contains(text)), "{error}");
    }
}

#[test]
fn the_end_of_the_authority_bounds_what_it_signs() {
    let dir = tempfile::tempdir().expect("a directory");
    Pki::ensure(dir.path(), &[], NOW).expect("made");
    let late = NOW + 3640 * DAY;
    Pki::ensure(dir.path(), &[], late).expect("renewed");
    let once = files(&dir);
    assert_eq!(Facts::of_pem(&once[2].1).expect("a certificate").not_after, NOW + 3650 * DAY);
    Pki::ensure(dir.path(), &[], late + DAY).expect("kept");
    assert_eq!(changed(&once, &files(&dir)), Vec::<&str>::new(), "renewing would not help");
}

#[test]
fn clients_are_known_by_name_and_groups() {
    let dir = tempfile::tempdir().expect("a directory");
    let pki = Pki::ensure(dir.path(), &[], NOW).expect("made");
    let groups = ["system:nodes".to_owned(), "more".to_owned()];
    let (cert, key) = pki.sign(&Wish::client("system:node:a", &groups), NOW).expect("made");
    assert!(KeyPair::from_pem(&key).is_ok());
    let der = CertificateDer::from_pem_slice(cert.as_bytes()).expect("PEM");
    let peer = Peer::from_certificate(&der).expect("a name");
    assert_eq!(peer.user().name, "system:node:a");
    assert_eq!(peer.user().groups, ["system:nodes", "more", "system:authenticated"]);
    let many = ["a", "b", "c"].map(str::to_owned);
    assert!(matches!(pki.sign(&Wish::client("x", &many), NOW), Err(PkiError::Groups)));
    let admin = pki.admin().expect("readable").0;
    let der = CertificateDer::from_pem_slice(admin.as_bytes()).expect("PEM");
    assert_eq!(Peer::from_certificate(&der).expect("a name").user().groups[0], "system:masters");
}

#[test]
fn names_have_to_be_names() {
    for name in ["a b", "ä", "http://x"] {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(
            matches!(Pki::ensure(dir.path(), &[name.to_owned()], NOW), Err(PkiError::Name { .. })),
            "{name}"
        );
    }
    assert!(!names(&[""]).contains(&String::new()) && !names(&[]).contains(&"0.0.0.0".to_owned()));
}
