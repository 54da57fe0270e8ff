use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::certs::cluster::trusting;
use crate::cluster::canned::{cluster, refusal};

const PATIENCE: Duration = Duration::from_secs(20);
/// Where conversion webhooks stand.
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// Where nobody listens.
const NOBODY: &str = "127.0.0.1:1";

/// A certificate with its key, and with what it makes others.
struct Made {
    certificate: rcgen::Certificate,
    key: KeyPair,
    issuer: Issuer<'static, KeyPair>,
}

impl Made {
    /// Makes a certificate for a name, by an authority or by itself.
    fn new(name: &str, is_authority: bool, by: Option<&Self>) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let certificate = match by {
            Some(by) => params.signed_by(&key, &by.issuer),
            None => params.self_signed(&key),
        };
        let again = KeyPair::from_pem(&key.serialize_pem()).expect("the same key");
        Self { certificate: certificate.expect("a certificate"), key, issuer: Issuer::new(params, again) }
    }

    fn bundle(&self) -> String {
        STANDARD.encode(self.certificate.pem())
    }
}

/// A server that shows a chain; it ends with this value.
struct Shows {
    port: u16,
    _server: JoinSet<()>,
}

impl Shows {
    async fn start(chain: &[&Made]) -> Self {
        let all: Vec<CertificateDer<'static>> =
            chain.iter().map(|one| one.certificate.der().clone()).collect();
        let key = PrivateKeyDer::try_from(chain[0].key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(all, key))
            .expect("a server's configuration");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let port = listener.local_addr().expect("it is bound").port();
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Who only looks does not go on.
                drop(acceptor.accept(stream).await);
            }
        });
        Self { port, _server: server }
    }

    fn url(&self) -> Value {
        json!(format!("https://127.0.0.1:{}/convert", self.port))
    }
}

/// A definition of which versions are converted by a webhook, as the API gives it.
#[expect(clippy::needless_pass_by_value, reason = "it is written where it is used")]
fn definition(name: &str, config: Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"group": "example.com", "scope": "Namespaced",
        "conversion": {"strategy": "Webhook",
            "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": config}}}})
}

/// A Service as the API gives it.
fn service(address: &str, port: u16) -> Value {
    json!({"metadata": {"name": "s", "namespace": "n"}, "spec": {"type": "ClusterIP", "clusterIP": address,
        "ports": [{"name": "https", "port": port, "protocol": "TCP", "targetPort": 8443}]}})
}

/// Looks at a cluster whose API server is at `address` and has shown what is in `look`.
async fn looked(mut look: Look, address: &str, definitions: Value, services: Value) -> Look {
    let list = json!({"metadata": {}, "items": definitions}).to_string();
    let cluster = cluster(address, move |path| match path.strip_prefix("/api/v1/namespaces/") {
        _ if path == DEFINITIONS => (200, list.clone()),
        Some(path) if !services[path].is_null() => (200, services[path].to_string()),
        _ => refusal(404, "NotFound"),
    });
    let called = trusting::read(&mut look, &cluster).await;
    // Bundles are looked at elsewhere.
    look.found.retain(|one| one.facts.found_in != FoundIn::Object);
    read(&mut look, &cluster, called, PATIENCE).await;
    look
}

/// Looks at one webhook, and returns whether the API server believes what it shows.
async fn chain(server: &Shows, bundle: Option<String>) -> Chain {
    let config = json!({"url": server.url(), "caBundle": bundle});
    let definitions = json!([definition("widgets.example.com", config)]);
    let mut look = looked(Look::default(), NOBODY, definitions, json!({})).await;
    assert!(look.missing.is_empty(), "{:?}", look.missing);
    let one = look.found.pop().expect("it shows a certificate");
    assert!(look.found.is_empty(), "one is looked at");
    assert_eq!((one.facts.source, one.facts.lacks_name), (format!("127.0.0.1:{}", server.port), None));
    one.facts.chain
}

fn signed() -> Chain {
    Chain::Signed { by: "the caBundle of CustomResourceDefinition widgets.example.com".to_owned() }
}

fn untrusted() -> Chain {
    Chain::Untrusted { by: "the caBundle of CustomResourceDefinition widgets.example.com".to_owned() }
}

#[tokio::test]
async fn what_is_shown_is_compared_with_the_bundle() {
    let authority = Made::new("webhooks", true, None);
    let leaf = Made::new("127.0.0.1", false, Some(&authority));
    let server = Shows::start(&[&leaf]).await;
    assert_eq!(chain(&server, Some(authority.bundle())).await, signed());
    let same_name = Made::new("webhooks", true, None);
    assert_eq!(chain(&server, Some(same_name.bundle())).await, untrusted());
    let both = format!("{}{}", same_name.certificate.pem(), authority.certificate.pem());
    assert_eq!(chain(&server, Some(STANDARD.encode(both))).await, signed(), "one of them is enough");
    assert_eq!(chain(&server, Some(Made::new("other", true, None).bundle())).await, untrusted());
    assert_eq!(chain(&server, None).await, Chain::Unknown, "whom the machine of the API server trusts");
    assert_eq!(chain(&server, Some("Cg==".to_owned())).await, Chain::Unknown, "a controller fills it in");
}

#[tokio::test]
async fn a_chain_goes_over_those_between_and_may_be_one_certificate() {
    let root = Made::new("root", true, None);
    let between = Made::new("between", true, Some(&root));
    let leaf = Made::new("127.0.0.1", false, Some(&between));
    let server = Shows::start(&[&leaf, &between]).await;
    assert_eq!(chain(&server, Some(root.bundle())).await, signed());
    assert_eq!(chain(&server, Some(between.bundle())).await, signed());
    let half = Shows::start(&[&leaf]).await;
    assert_eq!(chain(&half, Some(root.bundle())).await, untrusted(), "it does not show who is between");
    let own = Made::new("127.0.0.1", false, None);
    let server = Shows::start(&[&own]).await;
    assert_eq!(chain(&server, Some(own.bundle())).await, signed());
    assert_eq!(chain(&server, Some(root.bundle())).await, untrusted());
}

#[tokio::test]
async fn services_are_reached_by_address_and_known_by_name() {
    let authority = Made::new("webhooks", true, None);
    let api = Made::new("kubernetes", false, Some(&authority));
    let own = Shows::start(&[&api]).await;
    let leaf = Made::new("web.shop.svc", false, Some(&authority));
    let server = Shows::start(&[&leaf]).await;
    let config = |name: &str, port: u16| json!({"caBundle": authority.bundle(), "service": {"namespace": "shop", "name": name, "port": port, "path": "/"}});
    let definitions = json!([
        definition("widgets.example.com", config("web", server.port)),
        definition("wheels.example.com", config("old", server.port)),
        definition("lost.example.com", config("lost", 443)),
        definition("closed.example.com", config("web", 1)),
        definition("headless.example.com", config("headless", 443)),
    ]);
    let services = json!({
        "shop/services/web": service("127.0.0.1", server.port),
        "shop/services/old": service("127.0.0.1", server.port),
        "shop/services/headless": service("None", 443),
    });
    let look_with = async |shown: &Made, port: u16| {
        let der = shown.certificate.der().clone();
        let parsed =
            Parsed::new(der, "the API server".to_owned(), FoundIn::Handshake).expect("a certificate");
        let look = Look { found: vec![parsed], ..Look::default() };
        let mut services = services.clone();
        services["default/services/kubernetes"] = service("127.0.0.1", port);
        looked(look, NOBODY, definitions.clone(), services).await
    };
    let look = look_with(&api, 1).await;
    assert!(look.found.len() == 1 && look.missing.len() == 1, "{:?}", look.missing);
    assert!(look.missing[0].contains("from here it is not"), "{:?}", look.missing);
    let look = look_with(&leaf, own.port).await;
    assert!(look.found.len() == 1 && look.missing[0].contains("somebody else is"), "{:?}", look.missing);
    let look = look_with(&api, own.port).await;
    let found: Vec<_> = look
        .found
        .iter()
        .skip(1)
        .map(|one| (one.facts.source.as_str(), one.facts.lacks_name.as_deref()))
        .collect();
    let [web, old] = ["web", "old"].map(|name| format!("{name}.shop.svc:{}", server.port));
    assert_eq!(found, [(old.as_str(), Some("old.shop.svc")), (web.as_str(), None)]);
    assert!(look.found.iter().skip(1).all(|one| matches!(one.facts.chain, Chain::Signed { .. })));
    let missing = look.missing.join("\n");
    assert!(look.missing.len() == 3 && missing.contains("services/lost"), "{missing}");
    assert!(missing.contains("has no port 1") && missing.contains("headless has no address"), "{missing}");
}

#[tokio::test]
async fn what_is_not_reached_is_told_and_no_finding() {
    let of = |url: &str| json!([definition("widgets.example.com", json!({"url": url}))]);
    let told = async |address: &str, url: &str| {
        let look = looked(Look::default(), address, of(url), json!({})).await;
        assert!(look.found.is_empty() && look.missing.len() == 1, "{:?}", look.missing);
        look.missing.concat()
    };
    assert!(told(NOBODY, "https://127.0.0.1:1/convert").await.contains("cannot connect"));
    assert!(told(NOBODY, "http://127.0.0.1:1/convert").await.contains("not reached over TLS"));
    let elsewhere = told("192.0.2.1:6443", "https://localhost:9443/convert").await;
    assert!(elsewhere.contains("only the machine of the API server is there"), "{elsewhere}");
}
