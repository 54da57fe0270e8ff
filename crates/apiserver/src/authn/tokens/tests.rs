use rcgen::KeyPair;
use tempfile::TempDir;

use super::*;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Tokens with a key of their own.
pub(in crate::authn) fn settings(dir: &TempDir) -> TokenSettings {
    let path = dir.path().join("sa.key");
    fs::write(&path, KeyPair::generate().expect("a key").serialize_pem()).expect("written");
    TokenSettings {
        signing_key_file: path,
        key_files: Vec::new(),
        issuers: vec![ISSUER.to_owned()],
        audiences: Vec::new(),
        jwks_uri: "https://10.0.0.1:6443/openid/v1/jwks".to_owned(),
    }
}

/// What the token of a pod says.
pub(in crate::authn) fn pod_claims() -> Claims {
    let object = |name: &str, uid: &str| ObjectRef { name: name.to_owned(), uid: uid.to_owned() };
    Claims {
        namespace: "shop".to_owned(),
        service_account: object("web", "sa-1"),
        audiences: Vec::new(),
        expiration_seconds: 3600,
        warn_after: None,
        bound: Some(Bound::Pod { pod: object("web-0", "pod-1"), node: Some(object("n1", "node-1")) }),
    }
}

fn tokens() -> Tokens {
    Tokens::load(&settings(&tempfile::tempdir().expect("a directory"))).expect("a key")
}

fn part(token: &str, index: usize) -> Value {
    Value::Object(object(token.split('.').nth(index).expect("a part")).expect("an object"))
}

/// Signs anything with the key of some tokens.
fn sign(tokens: &Tokens, head: &Value, body: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(head), encode(body));
    let signature = tokens.signing.sign(message.as_bytes()).expect("signed");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn tokens_say_what_the_real_ones_say_and_are_known_again() {
    let tokens = tokens();
    let claims = Claims { warn_after: Some(3607), ..pod_claims() };
    let (token, expires) = tokens.issue_at(&claims, NOW).expect("issued");
    assert_eq!(expires, NOW + 3600);
    assert_eq!(part(&token, 0), json!({ "alg": "ES256", "kid": tokens.keys[0].id() }));
    let mut body = part(&token, 1);
    let id = body["jti"].take().as_str().expect("an id").to_owned();
    let wanted = json!({
        "aud": [ISSUER], "exp": NOW + 3600, "iat": NOW, "nbf": NOW, "iss": ISSUER, "jti": null,
        "sub": "system:serviceaccount:shop:web",
        "kubernetes.io": {
            "namespace": "shop", "serviceaccount": { "name": "web", "uid": "sa-1" },
            "pod": { "name": "web-0", "uid": "pod-1" }, "node": { "name": "n1", "uid": "node-1" },
            "warnafter": NOW + 3607,
        },
    });
    assert_eq!(body, wanted);
    let verified = tokens.verify_at(&token, &[], NOW).expect("a good token");
    let User { name, uid, groups, extra } = &verified.user;
    assert_eq!((name.as_str(), uid.as_str()), ("system:serviceaccount:shop:web", "sa-1"));
    assert_eq!(*groups, ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"]);
    let extra: Vec<_> = extra
        .iter()
        .map(|(key, values)| (key.rsplit('/').next().unwrap_or(""), values[0].as_str()))
        .collect();
    let id = format!("JTI={id}");
    let wanted = [
        ("credential-id", id.as_str()),
        ("node-name", "n1"),
        ("node-uid", "node-1"),
        ("pod-name", "web-0"),
        ("pod-uid", "pod-1"),
    ];
    assert_eq!(extra, wanted);
    assert_eq!((&verified.bound, &verified.service_account), (&claims.bound, &claims.service_account));
    assert_eq!((verified.expires, verified.audiences), (expires, vec![ISSUER.to_owned()]));
}

#[test]
fn tokens_count_in_their_time_only() {
    let tokens = tokens();
    let (token, expires) = tokens.issue_at(&pod_claims(), NOW).expect("issued");
    let at = |now| tokens.verify_at(&token, &[], now).map(drop).map_err(|status| status.message);
    assert_eq!((at(NOW - 60), at(expires + 60)), (Ok(()), Ok(())));
    assert_eq!(at(NOW - 61), Err("service account token is not valid yet".to_owned()));
    assert_eq!(at(expires + 61), Err("service account token has expired".to_owned()));
}

#[test]
fn tokens_count_for_their_audiences_only() {
    let tokens = tokens();
    let all = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    let issue = |names: &[&str]| {
        tokens.issue_at(&Claims { audiences: all(names), ..pod_claims() }, NOW).expect("issued").0
    };
    let vault = issue(&["vault", "bank"]);
    let verified = tokens.verify_at(&vault, &all(&["bank", "other"]), NOW).expect("a good token");
    assert_eq!(verified.audiences, ["bank"]);
    let refused = tokens.verify_at(&vault, &[], NOW).expect_err("for another server");
    let wanted =
        format!("token audiences [\"vault\" \"bank\"] is invalid for the target audiences [{ISSUER:?}]");
    assert_eq!((refused.code, refused.message), (401, wanted));
}

#[test]
fn forged_tokens_are_refused() {
    let (tokens, stranger) = (tokens(), tokens());
    let (token, _) = tokens.issue_at(&pod_claims(), NOW).expect("issued");
    let (head, body) = (part(&token, 0), part(&token, 1));
    assert!(
        tokens.verify_at(&sign(&tokens, &head, &body), &[], NOW).is_ok(),
        "the signer of the test is right"
    );
    let with = |value: &Value, field: &str, new: Value| {
        let mut value = value.clone();
        value[field] = new;
        value
    };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let [first, second, third] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let admin = with(&body, "sub", json!("system:admin"));
    let none = with(&head, "alg", json!("none"));
    let mut bound = body.clone();
    bound["kubernetes.io"]["pod"] = json!({ "name": "web-0" });
    let cases = [
        ("another key", sign(&stranger, &head, &body)),
        (
            "another key, named",
            sign(&stranger, &part(&stranger.issue_at(&pod_claims(), NOW).expect("issued").0, 0), &body),
        ),
        ("another key, unnamed", sign(&stranger, &json!({ "alg": "ES256" }), &body)),
        ("changed claims", format!("{first}.{}.{third}", encode(&admin))),
        ("changed head", format!("{}.{second}.{third}", encode(&with(&head, "typ", json!("JWT"))))),
        ("no algorithm", format!("{}.{second}.", encode(&none))),
        ("no algorithm, signed", sign(&tokens, &none, &body)),
        ("a secret's algorithm", sign(&tokens, &with(&head, "alg", json!("HS256")), &body)),
        ("another algorithm", sign(&tokens, &with(&head, "alg", json!("RS256")), &body)),
        ("critical headers", sign(&tokens, &with(&head, "crit", json!(["x"])), &body)),
        ("another issuer", sign(&tokens, &head, &with(&body, "iss", json!("https://evil")))),
        ("no end", sign(&tokens, &head, &with(&body, "exp", Value::Null))),
        ("half a pod", sign(&tokens, &head, &bound)),
        ("no account", sign(&tokens, &head, &with(&body, "kubernetes.io", json!({ "namespace": "shop" })))),
        ("no signature", format!("{first}.{second}")),
        ("empty signature", format!("{first}.{second}.")),
        ("a part more", format!("{token}.x")),
        ("padding", format!("{token}=")),
        ("a long one", format!("{first}.{}.{third}", "A".repeat(LIMIT))),
        ("rubbish", "rubbish".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, forged) in cases {
        assert_eq!(tokens.verify_at(&forged, &[], NOW).expect_err(what).code, 401, "{what}");
    }
    assert!(
        tokens.verify_at(&sign(&tokens, &json!({ "alg": "ES256" }), &body), &[], NOW).is_ok(),
        "no name needed"
    );
}

#[test]
fn keys_can_be_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let old_settings = settings(&dir);
    let (token, _) =
        Tokens::load(&old_settings).expect("a key").issue_at(&pod_claims(), NOW).expect("issued");
    let old = dir.path().join("old.key");
    fs::rename(&old_settings.signing_key_file, &old).expect("renamed");
    let new_settings = settings(&dir);
    let alone = Tokens::load(&new_settings).expect("a key");
    assert_eq!(
        alone.verify_at(&token, &[], NOW).expect_err("unknown").message,
        "invalid signature, no keys found"
    );
    let key_files = vec![old.clone(), old, new_settings.signing_key_file.clone()];
    let both = Tokens::load(&TokenSettings { key_files, ..new_settings }).expect("two keys");
    assert!(both.verify_at(&token, &[], NOW).is_ok());
    let jwks = both.jwks();
    assert_eq!(jwks["keys"].as_array().map(Vec::len), Some(2));
    assert!(jwks["keys"][0]["x"].is_string() && jwks["keys"][0].get("d").is_none());
    let about = both.openid_configuration();
    assert_eq!(about["id_token_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(
        (&about["issuer"], &about["jwks_uri"]),
        (&json!(ISSUER), &json!("https://10.0.0.1:6443/openid/v1/jwks"))
    );
}

#[test]
fn settings_have_to_make_sense() {
    let dir = tempfile::tempdir().expect("a directory");
    let good = settings(&dir);
    assert!(matches!(
        Tokens::load(&TokenSettings { issuers: Vec::new(), ..good.clone() }),
        Err(TokenError::NoIssuer)
    ));
    let missing = TokenSettings { signing_key_file: dir.path().join("no"), ..good.clone() };
    assert!(Tokens::load(&missing).expect_err("no file").to_string().contains("/no for tokens"));
    fs::write(&good.signing_key_file, "rubbish").expect("written");
    assert!(Tokens::load(&good).expect_err("no key").to_string().contains("there is no private key in it"));
}
