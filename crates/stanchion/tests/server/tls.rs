//! TLS: who gets in, and certificates that are replaced while the server runs.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

use crate::LIMIT;
use crate::support::command::{Outcome, Session, etcdctl, run, stanchion};
use crate::support::server::{Server, folder};
use crate::support::{wait_for, within};

/// An authority, and files with what it signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

/// A certificate and its key, as files.
struct Pair {
    cert: PathBuf,
    key: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are in order");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, new_key()).expect("an authority can be made");
        let files = folder();
        fs::write(files.path().join("ca.pem"), issuer.pem()).expect("a file can be written");
        Self { issuer, files }
    }

    fn ca(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Pair {
        let mut params =
            CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address is in order");
        params.extended_key_usages = vec![usage];
        let key_pair = new_key();
        let certificate = params.signed_by(&key_pair, &self.issuer).expect("a certificate can be signed");
        let (cert, key) =
            (self.files.path().join(format!("{name}.pem")), self.files.path().join(format!("{name}.key")));
        fs::write(&cert, certificate.pem()).expect("a file can be written");
        fs::write(&key, key_pair.serialize_pem()).expect("a file can be written");
        Pair { cert, key }
    }

    fn server(&self) -> Pair {
        self.sign("server", ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn client(&self) -> Pair {
        self.sign("client", ExtendedKeyUsagePurpose::ClientAuth)
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

#[tokio::test]
async fn only_clients_with_a_certificate_get_in() {
    within(LIMIT, async {
        let (authority, stranger, data) = (Authority::new(), Authority::new(), folder());
        let (client, strange) = (authority.client(), stranger.client());
        let server = serve(data.path(), &authority.server(), Some(&authority.ca())).await;

        assert_eq!(put(&server, &authority.ca(), Some(&client)).await.done(), "OK\n");
        let refused = put(&server, &authority.ca(), None).await;
        assert_ne!(refused.code, Some(0), "a client without a certificate got in");
        let refused = put(&server, &authority.ca(), Some(&strange)).await;
        assert_ne!(refused.code, Some(0), "a client of another authority got in");
        let refused = put(&server, &stranger.ca(), Some(&client)).await;
        assert_ne!(refused.code, Some(0), "a client trusts a server of another authority");
        let refused = server.ctl("put k plain --command-timeout=2s").await;
        assert_ne!(refused.code, Some(0), "a client without TLS got in");

        let status = status(&server, &authority.ca(), Some(&client)).await.done();
        assert!(status.contains("\"revision\": 2"), "one put was let in: {status}");
        let refused = self::status(&server, &authority.ca(), None).await.failed(4);
        assert!(refused.contains("error:"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_replaced_certificate_is_used_by_the_next_connection() {
    within(LIMIT, async {
        let (old, new, data) = (Authority::new(), Authority::new(), folder());
        let files = old.server();
        let server = serve(data.path(), &files, None).await;
        assert_eq!(put(&server, &old.ca(), None).await.done(), "OK\n");
        let mut watch = etcdctl(&https(&server));
        watch.arg("--cacert").arg(old.ca()).args(["watch", "k", "--rev=1"]);
        let mut watch = Session::start(watch);
        watch.says("PUT").await;

        fs::write(&files.cert, "no certificate").expect("a file can be written");
        assert_eq!(put(&server, &old.ca(), None).await.done(), "OK\n");
        wait_for("the useless certificate is not told of", async || {
            server.log().contains("the old ones stay").then_some(())
        })
        .await;

        let renewed = new.server();
        fs::copy(&renewed.key, &files.key).expect("a file can be copied");
        fs::copy(&renewed.cert, &files.cert).expect("a file can be copied");
        assert_eq!(put(&server, &new.ca(), None).await.done(), "OK\n");
        assert_ne!(put(&server, &old.ca(), None).await.code, Some(0), "the old certificate is still shown");
        wait_for("the open connection does not go on", async || {
            (watch.stdout().matches("PUT").count() == 3).then_some(())
        })
        .await;
    })
    .await;
}

async fn serve(data_dir: &Path, pair: &Pair, clients: Option<&Path>) -> Server {
    let (cert, key) = (pair.cert.display().to_string(), pair.key.display().to_string());
    let clients = clients.map(|path| path.display().to_string());
    let mut flags = vec!["--cert-file", cert.as_str(), "--key-file", key.as_str()];
    if let Some(clients) = &clients {
        flags.extend(["--client-cert-auth", "--trusted-ca-file", clients.as_str()]);
    }
    Server::start_on("https://127.0.0.1:0", data_dir, &flags).await
}

fn https(server: &Server) -> String {
    format!("https://{}", server.endpoint())
}

async fn put(server: &Server, ca: &Path, client: Option<&Pair>) -> Outcome {
    let mut command = etcdctl(&https(server));
    command.args(["put", "k", "v", "--command-timeout=2s", "--cacert"]).arg(ca);
    if let Some(Pair { cert, key }) = client {
        command.arg("--cert").arg(cert).arg("--key").arg(key);
    }
    run(&mut command).await
}

async fn status(server: &Server, ca: &Path, client: Option<&Pair>) -> Outcome {
    let mut command = stanchion();
    command
        .args(["store", "status", "--output=json", "--endpoint"])
        .arg(https(server))
        .arg("--cacert")
        .arg(ca);
    if let Some(Pair { cert, key }) = client {
        command.arg("--cert").arg(cert).arg("--key").arg(key);
    }
    run(&mut command).await
}
