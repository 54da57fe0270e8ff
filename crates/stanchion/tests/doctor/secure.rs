//! An etcd whose clients have to show a certificate.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::members::{Members, Secure};
use crate::report::{doctor, found};
use crate::support::command::{Outcome, run, stanchion};
use crate::support::server::folder;
use crate::support::within;

const LIMIT: Duration = Duration::from_secs(100);

/// An authority, and files with what it signed.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are in order");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority can be made");
        let files = folder();
        fs::write(files.path().join("ca.pem"), issuer.pem()).expect("a file can be written");
        Self { issuer, files }
    }

    /// Signs a certificate for both ends: a member is a client of itself.
    pub(crate) fn sign(&self, name: &str) -> Secure {
        let mut params =
            CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address is in order");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let pair = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&pair, &self.issuer).expect("a certificate can be signed");
        let path = |end: &str| -> PathBuf { self.files.path().join(format!("{name}.{end}")) };
        fs::write(path("pem"), certificate.pem()).expect("a file can be written");
        fs::write(path("key"), pair.serialize_pem()).expect("a file can be written");
        Secure { ca: self.files.path().join("ca.pem"), cert: path("pem"), key: path("key") }
    }
}

fn flags(endpoint: &str, secure: &Secure) -> Vec<String> {
    let path = |path: &PathBuf| path.to_str().expect("a path").to_owned();
    let words = ["--etcd-endpoints", endpoint, "--etcd-cacert", &path(&secure.ca)].map(str::to_owned);
    let own = ["--etcd-cert".to_owned(), path(&secure.cert), "--etcd-key".to_owned(), path(&secure.key)];
    words.into_iter().chain(own).collect()
}

#[tokio::test]
async fn an_etcd_with_certificates_is_looked_after_alike() {
    within(LIMIT, async {
        let authority = Authority::new();
        let members = Members::start_secure(3, &authority.sign("member")).await;
        let flags = flags(members.endpoint(1), &authority.sign("client"));
        let with: Vec<&str> = flags.iter().map(String::as_str).collect();

        let (_, report) = doctor(&with).await;
        assert_eq!(found(&report, "critical"), Vec::<String>::new(), "{report:#}");
        assert!(found(&report, "warning").iter().all(|check| check == "etcd/version"), "{report:#}");
        assert_eq!(report["gaps"], serde_json::json!([]), "{report:#}");

        let etcd = async |words: &[&str]| -> Outcome {
            run(stanchion().args(["--output", "json", "etcd"]).args(words).args(&with)).await
        };
        let status: Value = serde_json::from_str(&etcd(&["status", "--check"]).await.done()).expect("JSON");
        assert_eq!(status["members"].as_array().map(Vec::len), Some(3), "{status:#}");
        etcd(&["top"]).await.done();
        let backups = folder();
        etcd(&["snapshot", "--dir", backups.path().to_str().expect("a path")]).await.done();
        let done: Value =
            serde_json::from_str(&etcd(&["defrag", "--yes", "--measure-pause"]).await.done()).expect("JSON");
        assert_eq!(done["done"].as_array().map(Vec::len), Some(5), "{done:#}");
        assert!(done["writes"]["taken"].as_u64() > Some(0), "{done:#}");
    })
    .await;
}

#[tokio::test]
async fn without_the_right_certificate_nothing_is_read() {
    within(LIMIT, async {
        let (authority, stranger) = (Authority::new(), Authority::new());
        let members = Members::start_secure(1, &authority.sign("member")).await;
        let ca = authority.files.path().join("ca.pem").display().to_string();
        let (outcome, report) =
            doctor(&["--etcd-endpoints", members.endpoint(0), "--etcd-cacert", &ca]).await;
        assert_eq!((outcome.code, &report["findings"]), (Some(3), &serde_json::json!([])), "{report:#}");
        let other = Secure { ca: ca.into(), ..stranger.sign("client") };
        let flags = flags(members.endpoint(0), &other);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        run(stanchion().args(["etcd", "status"]).args(&flags)).await.failed(4);
        let no_authority = run(stanchion().args(["etcd", "status", "--etcd-endpoints", members.endpoint(0)]))
            .await
            .failed(2);
        assert!(no_authority.contains("--etcd-cacert"), "{no_authority}");
    })
    .await;
}
