use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use stanchion_doctor_core::plan_renewal;
use tempfile::TempDir;
use tokio::net::TcpListener;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::restart::{Patience, RestartError, restart};
use super::*;

/// 2026-11-22, when all certificates of these tests have ended.
const NOW: i64 = 1_795_305_600;

/// A directory as kubeadm makes it, with a certificate of the API server and a kubeconfig.
struct Pki(TempDir);

impl Pki {
    fn make() -> Self {
        let pki = Self(tempfile::tempdir().expect("a directory"));
        fs::create_dir(pki.path("pki")).expect("a directory");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "kubernetes");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2025, 1, 1);
        params.not_after = date_time_ymd(2035, 1, 1);
        let authority = params.self_signed(&key).expect("a certificate");
        pki.write("pki/ca.crt", &authority.pem());
        pki.write("pki/ca.key", &key.serialize_pem());
        let issuer = Issuer::new(params, key);
        let (certificate, key) = Self::leaf(&issuer, "kube-apiserver", &["kubernetes", "10.96.0.1"]);
        pki.write("pki/apiserver.crt", &certificate);
        pki.write("pki/apiserver.key", &key);
        let (certificate, key) = Self::leaf(&issuer, "kubernetes-admin", &[]);
        let (certificate, key) = (encoded(&certificate), encoded(&key));
        let config = format!(
            "apiVersion: v1\nkind: Config # of the administrator\nclusters:\n- name: c\n  cluster: {{server: 'https://x'}}\nusers:\n\
             - name: admin\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n"
        );
        pki.write("admin.conf", &config);
        pki
    }

    fn leaf(issuer: &Issuer<'_, KeyPair>, name: &str, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, "system:masters");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(2025, 11, 1);
        params.not_after = date_time_ymd(2026, 11, 1);
        (params.signed_by(&key, issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("it is written");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("rights");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    fn places(&self) -> [Place; 2] {
        let user = "admin".to_owned();
        [
            Place::File { path: self.path("pki/apiserver.crt") },
            Place::Kubeconfig { path: self.path("admin.conf"), user },
        ]
    }

    fn renewals(&self) -> Vec<Renewal> {
        let endings = survey_certificates(&[self.0.path().to_owned()], &self.places());
        endings.into_iter().map(|one| plan_renewal(NOW, &one.expect("it is read")).expect("a plan")).collect()
    }

    fn leaf_of(&self, place: &Place) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let held = hold(place).expect("it is read");
        assert!(self.0.path().exists());
        (held.chain[0].clone(), held.key.expect("a key"))
    }
}

#[test]
fn the_new_ones_differ_in_number_time_and_key_alone() {
    let pki = Pki::make();
    let before: Vec<_> = pki.places().iter().map(|place| pki.leaf_of(place)).collect();
    let inode = fs::metadata(pki.path("pki/apiserver.key")).expect("a file").ino();
    let kept = renew_certificates(&pki.renewals(), NOW).expect("they are made anew");
    assert_eq!(kept.len(), 2, "{kept:?}");
    let old = pki.path("pki/old-20261122T000000Z/apiserver.key.old");
    assert_eq!(fs::metadata(old).expect("it is kept").ino(), inode);
    let mode = fs::metadata(pki.path("pki/apiserver.key")).expect("a file").mode();
    assert_eq!(mode & 0o777, 0o600);
    for ((old, old_key), place) in before.iter().zip(pki.places()) {
        let (new, new_key) = pki.leaf_of(&place);
        let (_, was) = X509Certificate::from_der(old).expect("a certificate");
        let (_, is) = X509Certificate::from_der(&new).expect("a certificate");
        assert_eq!(was.subject().as_raw(), is.subject().as_raw());
        assert_eq!(was.issuer().as_raw(), is.issuer().as_raw());
        assert_eq!(was.extensions(), is.extensions());
        assert_ne!(was.raw_serial(), is.raw_serial());
        assert_ne!(old_key, &new_key);
        let lifetime = is.validity().not_after.timestamp() - NOW;
        assert_eq!(lifetime, was.validity().not_after.timestamp() - was.validity().not_before.timestamp());
        assert_eq!(is.validity().not_before.timestamp(), NOW - 300);
        let parsed = Parsed::new(new.clone(), String::new(), FoundIn::File).expect("a certificate");
        assert_eq!(file::fits(&parsed, &new_key), Some(true));
        let authority =
            Parsed::new(first(&pki.path("pki/ca.crt")).expect("it"), String::new(), FoundIn::File);
        assert!(parsed.is_signed_by(&authority.expect("a certificate")));
    }
    assert!(pki.read("admin.conf").contains("kind: Config # of the administrator\n"), "all else stays");
    let (_, missing) = file::read_all(&[pki.0.path().to_owned()]);
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn an_authority_whose_key_is_elsewhere_makes_nothing() {
    let pki = Pki::make();
    fs::remove_file(pki.path("pki/ca.key")).expect("it goes");
    let ending =
        survey_certificates(&[pki.0.path().to_owned()], &pki.places()).remove(0).expect("it is read");
    assert_eq!(ending.signer, Signer::External { certificate: pki.path("pki/ca.crt") });
    assert!(plan_renewal(NOW, &ending).is_err());
}

#[test]
fn where_one_cannot_be_replaced_none_is() {
    let pki = Pki::make();
    let renewals = pki.renewals();
    let before = ["pki/apiserver.crt", "pki/apiserver.key", "admin.conf"].map(|name| pki.read(name));
    // Its place is taken: the files of the other directory have their second names by then.
    pki.write("old-20261122T000000Z", "");
    let error = renew_certificates(&renewals, NOW).expect_err("it cannot be done");
    assert!(error.to_string().contains("all files are as they were"), "{error}");
    assert_eq!(before, ["pki/apiserver.crt", "pki/apiserver.key", "admin.conf"].map(|name| pki.read(name)));
    assert!(!pki.path("pki/old-20261122T000000Z").exists(), "nothing is left");
    let names: Vec<_> =
        fs::read_dir(pki.path("pki")).expect("a directory").flatten().map(|one| one.file_name()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

const PATIENCE: Patience = Patience {
    looks: Duration::from_millis(300),
    end: Duration::from_secs(5),
    start: Duration::from_secs(5),
};

/// Does what a kubelet does: there is a server while its manifest is there. Returns how often it was started.
async fn kubelet(manifest: PathBuf, port: u16, healthy: bool, starts: tokio::sync::watch::Sender<usize>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    loop {
        while !manifest.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let server = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        starts.send_modify(|starts| *starts += 1);
        while manifest.exists() {
            let accepted = tokio::time::timeout(Duration::from_millis(50), server.accept()).await;
            let Ok(Ok((mut stream, _))) = accepted else { continue };
            let mut asked = [0; 256];
            let answer = if healthy {
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 500 E\r\ncontent-length: 0\r\n\r\n"
            };
            if stream.read(&mut asked).await.is_ok_and(|length| length > 0) {
                drop(stream.write_all(answer.as_bytes()).await);
            }
        }
    }
}

/// A directory of manifests with one, and the port that is asked.
async fn manifests() -> (TempDir, PathBuf, u16) {
    let folder = tempfile::tempdir().expect("a directory");
    let directory = folder.path().join("manifests");
    fs::create_dir(&directory).expect("a directory");
    let port =
        TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: etcd\n    ports: [{{name: probe-port, containerPort: {port}}}]\n    \
         readinessProbe: {{httpGet: {{host: 127.0.0.1, path: /health, port: probe-port, scheme: HTTP}}}}\n"
    );
    fs::write(directory.join("etcd.yaml"), manifest).expect("it is written");
    (folder, directory, port)
}

#[tokio::test]
async fn a_static_pod_is_restarted_by_its_manifest() {
    let (folder, directory, port) = manifests().await;
    let (starts, mut started) = tokio::sync::watch::channel(0);
    let kubelet = tokio::spawn(kubelet(directory.join("etcd.yaml"), port, true, starts));
    started.wait_for(|starts| *starts == 1).await.expect("it starts");
    restart(&directory, "etcd", PATIENCE).await.expect("it is restarted");
    assert_eq!(*started.borrow(), 2);
    kubelet.abort();
    assert_eq!(fs::read_dir(folder.path()).expect("a directory").count(), 1, "nothing is left beside");
}

#[tokio::test]
async fn a_manifest_is_put_back_whatever_happens() {
    let (folder, directory, port) = manifests().await;
    let home = directory.join("etcd.yaml");
    // Nobody watches the directory: what answers goes on.
    let server = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    let short = Patience { end: Duration::from_millis(100), ..PATIENCE };
    let error = restart(&directory, "etcd", short).await.expect_err("it goes on");
    assert!(matches!(error, RestartError::GoesOn { .. }) && home.exists(), "{error}");
    drop(server);
    let (starts, _) = tokio::sync::watch::channel(0);
    let kubelet = tokio::spawn(kubelet(home.clone(), port, false, starts));
    let short = Patience { start: Duration::from_millis(700), ..PATIENCE };
    let error = restart(&directory, "etcd", short).await.expect_err("it is ill");
    assert!(
        matches!(&error, RestartError::Down { why, .. } if why.contains("500")) && home.exists(),
        "{error}"
    );
    kubelet.abort();
    fs::write(&home, "kind: Pod\nspec: {containers: [{name: etcd}]}\n").expect("it is written");
    let error = restart(&directory, "etcd", PATIENCE).await.expect_err("it cannot be seen");
    assert!(matches!(error, RestartError::NoProbe { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).expect("a directory").count(), 1, "nothing is left beside");
}
