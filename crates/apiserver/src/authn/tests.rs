use std::sync::atomic::{AtomicBool, Ordering};

use http::header::AUTHORIZATION;
use rcgen::{CertificateParams, DnType, KeyPair};
use tempfile::TempDir;

use super::tokens::tests::{pod_claims, settings};
use super::*;

struct Fixture {
    authenticator: Authenticator,
    exists: Arc<AtomicBool>,
    _dir: TempDir,
}

impl Fixture {
    fn new(anonymous: bool) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("tokens.csv");
        std::fs::write(&file, "static,jane,u-1,dev").expect("written");
        let tokens = settings(&dir);
        let settings = AuthenticatorSettings { token_auth_file: Some(file), tokens, anonymous };
        let authenticator = Authenticator::new(&settings).expect("fine settings");
        let exists = Arc::new(AtomicBool::new(true));
        Self { authenticator, exists, _dir: dir }
    }

    fn connect(&self) {
        let exists = Arc::clone(&self.exists);
        let lookup = move |verified: &Verified| {
            verified.service_account.uid == "sa-1" && exists.load(Ordering::Relaxed)
        };
        self.authenticator.set_lookup(Arc::new(lookup));
    }

    fn name(&self, authorization: Option<&str>, peer: Option<&Peer>) -> Result<String, (u16, String)> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().expect("a header"));
        }
        let user = self.authenticator.user(&headers, peer);
        user.map(|user| user.name).map_err(|status| (status.code, status.message))
    }
}

fn peer(until: i32) -> Peer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "cert");
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let certificate = params.self_signed(&KeyPair::generate().expect("a key")).expect("signed");
    Peer::from_certificate(certificate.der()).expect("a name")
}

fn refused<T>() -> Result<T, (u16, String)> {
    Err((401, "Unauthorized".to_owned()))
}

#[test]
fn certificates_come_before_tokens_before_nothing() {
    let fixture = Fixture::new(true);
    let (good, outdated) = (peer(4000), peer(2000));
    let cases = [
        (None, None, Ok("system:anonymous")),
        (Some("Bearer static"), None, Ok("jane")),
        (Some("Bearer static"), Some(&good), Ok("cert")),
        (Some("Bearer wrong"), Some(&good), Ok("cert")),
        (Some("Bearer static"), Some(&outdated), Ok("jane")),
        (None, Some(&outdated), refused()),
        (Some("Bearer wrong"), None, refused()),
        (Some("Basic amFuZTpzdGF0aWM="), None, refused()),
        (Some("Digest x"), None, Ok("system:anonymous")),
    ];
    for (authorization, peer, wanted) in cases {
        assert_eq!(fixture.name(authorization, peer), wanted.map(str::to_owned), "{authorization:?}");
    }
    assert_eq!(Fixture::new(false).name(None, None), refused());
}

#[test]
fn tokens_of_accounts_count_while_the_accounts_exist() {
    let fixture = Fixture::new(true);
    let (token, _) = fixture.authenticator.tokens().issue(&pod_claims()).expect("issued");
    let bearer = format!("Bearer {token}");
    assert_eq!(fixture.name(Some(&bearer), None), refused(), "nobody can say yet");
    fixture.connect();
    for _ in 0..2 {
        assert_eq!(fixture.name(Some(&bearer), None), Ok("system:serviceaccount:shop:web".to_owned()));
    }
    fixture.exists.store(false, Ordering::Relaxed);
    assert_eq!(fixture.name(Some(&bearer), None), refused(), "remembered tokens are looked up, too");
}

#[test]
fn reviews_say_for_whom_a_token_is() {
    let fixture = Fixture::new(true);
    fixture.connect();
    let all = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    let own = fixture.authenticator.tokens().audiences().to_vec();
    let claims = tokens::Claims { audiences: all(&["vault"]), ..pod_claims() };
    let (token, _) = fixture.authenticator.tokens().issue(&claims).expect("issued");
    let review = |token: &str, names: &[String]| fixture.authenticator.review(token, names);
    assert_eq!(review(&token, &all(&["vault", "x"])).expect("reviewed").audiences, ["vault"]);
    assert!(review(&token, &[]).expect_err("not for us").contains("is invalid for the target audiences"));
    assert_eq!(review("static", &[]).expect("reviewed").audiences, own);
    assert_eq!(review("static", &all(&["vault"])), Err("invalid bearer token".to_owned()));
    assert_eq!(review("wrong", &[]), Err("invalid bearer token".to_owned()));
}

#[test]
fn keys_are_published() {
    let authenticator = Fixture::new(true).authenticator;
    let jwks = authenticator.jwks();
    assert_eq!((jwks.code, &*jwks.content_type), (200, "application/jwk-set+json"));
    assert_eq!(authenticator.openid_configuration().content_type, "application/json");
}

#[test]
fn nothing_secret_is_printed() {
    let fixture = Fixture::new(true);
    let text = format!("{:?}", fixture.authenticator);
    assert!(text.contains("kubernetes.default") && text.len() < 200, "{text}");
}
