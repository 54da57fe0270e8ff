//! What belongs to a remote store alone: connections, certificates, deadlines, more than one endpoint.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use stanchion_store::core::{
    Code, DeleteRange, KeyRange, LeaseId, Op, Put, RangeQuery, Revision, StoreError, Txn,
};
use stanchion_store::server::{ListenUrl, Scheme, Server, ServerOptions, TlsOptions};
use stanchion_store::watch::{Notice, WatchSpec};
use stanchion_store::{
    ClientCertificate, KeyValueStore, Options, RemoteError, RemoteOptions, RemoteStore, RemoteTls, Store,
};
use tempfile::TempDir;

/// How long anything may take that has to happen.
const DEADLINE: Duration = Duration::from_secs(20);

struct Served {
    store: Store,
    server: Server,
    _dir: TempDir,
}

impl Served {
    async fn start(tls: Option<TlsOptions>) -> Self {
        Self::confining(tls, None).await
    }

    async fn confining(tls: Option<TlsOptions>, confine: Option<&str>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(Options::new(dir.path())).expect("an empty directory");
        let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
        let client_urls = vec![ListenUrl { scheme, ..ListenUrl::loopback(0) }];
        let confine = confine.map(str::to_owned);
        let options = ServerOptions { client_urls, tls, confine, ..ServerOptions::default() };
        let server = Server::start(store.clone(), options).await.expect("a free port");
        Self { store, server, _dir: dir }
    }

    fn url(&self) -> String {
        self.server.client_urls()[0].to_string()
    }

    async fn stop(self) {
        self.server.stop().await;
        self.store.close().await;
    }
}

fn put() -> Put {
    Put { key: "key".into(), value: "value".into(), ..Put::default() }
}

fn query() -> RangeQuery {
    RangeQuery::new(KeyRange::One("key".into()))
}

async fn connect(urls: &[&str]) -> RemoteStore {
    RemoteStore::connect(&RemoteOptions::new(urls.iter().copied())).await.expect("valid endpoints")
}

/// A port on which nobody listens.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound")
}

#[track_caller]
fn unavailable<T: std::fmt::Debug>(outcome: Result<T, StoreError>, endpoint: &str) {
    match outcome {
        Err(StoreError::Remote { code: Code::Unavailable, text }) => {
            assert!(text.starts_with(endpoint), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_watch_ends_on_the_server() {
    let served = Served::start(None).await;
    let remote = connect(&[&served.url()]).await;
    let mut watch = remote.watch(WatchSpec::new(KeyRange::all(), Revision::NONE)).await.expect("a watch");
    assert!(matches!(watch.next().await, Ok(Some(Notice::Created { .. }))));
    assert_eq!(served.store.metrics().watchers.get(), 1);
    drop(watch);
    let begin = Instant::now();
    while served.store.metrics().watchers.get() > 0 {
        assert!(begin.elapsed() < DEADLINE, "the watch is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_ends_with_its_server() {
    let served = Served::start(None).await;
    let remote = connect(&[&served.url()]).await;
    let mut watch = remote.watch(WatchSpec::new(KeyRange::all(), Revision::NONE)).await.expect("a watch");
    assert!(matches!(watch.next().await, Ok(Some(Notice::Created { .. }))));
    let url = served.url();
    served.stop().await;
    let end = tokio::time::timeout(DEADLINE, watch.next()).await.expect("it ends");
    assert_eq!(end.map_err(|error| error.code()), Err(Code::Unavailable));
    assert_eq!(watch.next().await, Ok(None));
    unavailable(remote.range(query()).await, &url);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_not_there() {
    let gone = format!("http://{}", closed_port());
    let remote = connect(&[&gone]).await;
    unavailable(remote.range(query()).await, &gone);
    unavailable(remote.put(put()).await, &gone);
    unavailable(remote.watch(WatchSpec::new(KeyRange::all(), Revision::NONE)).await, &gone);
    unavailable(remote.leases().await, &gone);

    let served = Served::start(None).await;
    let remote = connect(&[&gone, &served.url()]).await;
    remote.range(query()).await.expect("reads are repeated at the next endpoint");
    remote.put(put()).await.expect("and it stays the one to ask");
    let remote = connect(&[&gone, &served.url()]).await;
    unavailable(remote.put(put()).await, &gone);
    remote.put(put()).await.expect("a write is the caller's to repeat");
    served.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_is_silent() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("it is bound"));
    let options = RemoteOptions { request_timeout: Duration::from_millis(200), ..RemoteOptions::new([&url]) };
    let remote = RemoteStore::connect(&options).await.expect("a valid endpoint");
    let begin = Instant::now();
    assert_eq!(remote.range(query()).await, Err(StoreError::Timeout));
    assert_eq!(remote.put(put()).await, Err(StoreError::Timeout));
    let watch = remote.watch(WatchSpec::new(KeyRange::all(), Revision::NONE)).await;
    assert_eq!(watch.map(drop), Err(StoreError::Timeout));
    assert!(begin.elapsed() < Duration::from_secs(5));
}

/// An authority and what it signed.
struct Certificates {
    dir: TempDir,
}

impl Certificates {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        fs::write(dir.path().join("ca.crt"), authority.pem()).expect("it can be written");
        for name in ["server", "client"] {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, format!("shop/{name}"));
            let certificate = params.signed_by(&key, &authority).expect("a certificate");
            fs::write(dir.path().join(format!("{name}.crt")), certificate.pem()).expect("it can be written");
            fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem())
                .expect("it can be written");
        }
        Self { dir }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn server(&self) -> TlsOptions {
        TlsOptions {
            cert_file: self.file("server.crt"),
            key_file: self.file("server.key"),
            trusted_ca_file: Some(self.file("ca.crt")),
            client_cert_auth: true,
        }
    }

    fn client(&self) -> RemoteTls {
        let client =
            ClientCertificate { cert_file: self.file("client.crt"), key_file: self.file("client.key") };
        RemoteTls { ca_file: self.file("ca.crt"), client: Some(client), server_name: None }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let served = Served::start(Some(ours.server())).await;
    let url = served.url();
    let with = async |tls: RemoteTls| {
        let options = RemoteOptions { tls: Some(tls), ..RemoteOptions::new([&url]) };
        RemoteStore::connect(&options).await.expect("a valid endpoint")
    };
    let remote = with(ours.client()).await;
    remote.put(put()).await.expect("both sides know each other");
    let mut watch = remote.watch(WatchSpec::new(KeyRange::all(), Revision(2))).await.expect("a watch");
    assert!(matches!(watch.next().await, Ok(Some(Notice::Created { .. }))));
    assert!(matches!(watch.next().await, Ok(Some(Notice::Events { .. }))));
    drop(watch);

    unavailable(with(RemoteTls { client: None, ..ours.client() }).await.range(query()).await, &url);
    let strange_client = RemoteTls { client: others.client().client, ..ours.client() };
    unavailable(with(strange_client).await.range(query()).await, &url);
    let strange_server = RemoteTls { ca_file: others.client().ca_file, ..ours.client() };
    unavailable(with(strange_server).await.range(query()).await, &url);
    let other_name = RemoteTls { server_name: Some("another.example".to_owned()), ..ours.client() };
    unavailable(with(other_name).await.range(query()).await, &url);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewed_certificates_are_taken_up() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let served = Served::start(Some(ours.server())).await;
    let url = served.url();
    let copy = |from: &Certificates, name: &str| {
        fs::copy(from.file(name), others.file(name)).expect("it can be written");
    };
    // A stranger becomes one of ours, file by file, as a person renews them.
    copy(&ours, "ca.crt");
    let options = RemoteOptions { tls: Some(others.client()), ..RemoteOptions::new([&url]) };
    let remote = RemoteStore::connect(&options).await.expect("a valid endpoint");
    unavailable(remote.range(query()).await, &url);
    copy(&ours, "client.key");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(remote.range(query()).await.is_err(), "a key without its certificate");
    copy(&ours, "client.crt");
    let deadline = Instant::now() + DEADLINE;
    while let Err(error) = remote.range(query()).await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_confined_has_keys_of_its_own() {
    const DENIED: StoreError = StoreError::PermissionDenied;
    let ours = Certificates::new();
    let served = Served::confining(Some(ours.server()), Some("/root/")).await;
    let options = RemoteOptions { tls: Some(ours.client()), ..RemoteOptions::new([served.url()]) };
    let client = RemoteStore::connect(&options).await.expect("a valid endpoint");
    let (own, other) = ("/root/shop/client/a", "/root/shop/another/a");
    let at = |key: &'static str| Put { key: key.into(), value: "value".into(), ..Put::default() };
    served.store.put(at(other)).await.expect("the program itself is not confined");

    let (lease, _) = client.lease_grant(LeaseId::NONE, 60).await.expect("a lease");
    client.put(Put { lease, ..at(own) }).await.expect("a key of its own");
    assert!(client.lease_renew(lease).await.expect("an answer").is_some());
    let all = KeyRange::prefix("/root/shop/client/".into());
    let found = client.range(RangeQuery::new(all.clone())).await.expect("its keys");
    assert_eq!(found.kvs.len(), 1);
    let mut watch = client.watch(WatchSpec::new(all.clone(), Revision(1))).await.expect("a watch");
    assert!(matches!(watch.next().await, Ok(Some(Notice::Created { .. }))));
    assert!(matches!(watch.next().await, Ok(Some(Notice::Events { .. }))));

    assert_eq!(client.put(at(other)).await, Err(DENIED));
    assert_eq!(client.range(RangeQuery::new(KeyRange::prefix("/root/shop/".into()))).await, Err(DENIED));
    let delete = DeleteRange { range: KeyRange::One(other.into()), prev_kv: false };
    assert_eq!(client.delete_range(delete).await, Err(DENIED));
    let txn = Txn { compares: vec![], success: vec![Op::Put(at(own)), Op::Put(at(other))], failure: vec![] };
    assert_eq!(client.txn(txn).await, Err(DENIED));
    let mut watch = client.watch(WatchSpec::new(KeyRange::all(), Revision(1))).await.expect("a stream");
    let told = watch.next().await;
    assert!(matches!(&told, Ok(Some(Notice::Refused { error: DENIED, .. }))), "{told:?}");
    assert_eq!(client.leases().await, Err(DENIED));
    assert_eq!(client.lease_revoke(lease).await, Err(DENIED));
    assert_eq!(client.compact(Revision(2), false).await, Err(DENIED));
    assert_eq!(client.orders_progress().await, Err(DENIED), "the state of the server");
    let kept = served.store.range(RangeQuery::new(KeyRange::One(other.into()))).await.expect("it is there");
    assert_eq!(kept.kvs[0].version, 1);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_name_has_no_keys_where_clients_are_confined() {
    let served = Served::confining(None, Some("/root/")).await;
    let client = connect(&[&served.url()]).await;
    assert_eq!(client.put(put()).await, Err(StoreError::PermissionDenied));
    assert_eq!(client.range(query()).await, Err(StoreError::PermissionDenied));
    served.stop().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_at_once() {
    let refused = async |options: RemoteOptions| match RemoteStore::connect(&options).await {
        Ok(_) => panic!("it is of no use: {options:?}"),
        Err(error) => error,
    };
    let none = RemoteOptions::new([""; 0]);
    assert!(matches!(refused(none).await, RemoteError::NoEndpoint));
    let no_authority = RemoteOptions::new(["https://127.0.0.1:1"]);
    assert!(matches!(refused(no_authority).await, RemoteError::NoAuthority { .. }));
    let certificates = Certificates::new();
    let tls = Some(certificates.client());
    let plain = RemoteOptions { tls, ..RemoteOptions::new(["http://127.0.0.1:1"]) };
    assert!(matches!(refused(plain).await, RemoteError::Endpoint { .. }));
    let tls = Some(RemoteTls { ca_file: certificates.file("missing"), ..certificates.client() });
    let missing = RemoteOptions { tls, ..RemoteOptions::new(["https://127.0.0.1:1"]) };
    assert!(matches!(refused(missing).await, RemoteError::File { .. }));
    let no_url = RemoteOptions::new(["http://not a url"]);
    assert!(matches!(refused(no_url).await, RemoteError::Endpoint { .. }));
}
