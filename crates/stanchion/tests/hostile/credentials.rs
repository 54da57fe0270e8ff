//! Certificates and tokens that are no good, and those who show nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use crate::LIMIT;
use crate::client::{Client, unharmed};
use crate::support::cluster::Cluster;
use crate::support::{wait_for, within};

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

async fn token(admin: &Client, account: &str, spec: &Value) -> String {
    let issued =
        admin.post(&format!("{ACCOUNTS}/{account}/token"), &json!({"spec": spec})).await.done("issue");
    issued["status"]["token"].as_str().expect("a token").to_owned()
}

fn claims(token: &str, part: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(part).expect("a part")).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn tokens_that_are_no_good_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        admin.post(ACCOUNTS, &json!({"metadata": {"name": "robot"}})).await.done("create");
        let good = token(&admin, "robot", &json!({})).await;
        let nobody = Client::nobody(&cluster).await;
        let review = nobody.with_token(&good).post(WHO, &json!({})).await.done("who");
        assert_eq!(review["status"]["userInfo"]["username"], "system:serviceaccount:default:robot");

        let parts: Vec<&str> = good.split('.').collect();
        let (mut head, mut body) = (claims(&good, 0), claims(&good, 1));
        head["alg"] = json!("none");
        let mut bad = vec![
            format!("{}.{}.", encoded(&head), parts[1]),
            format!("{}.{}.{}", encoded(&head), parts[1], parts[2]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{good}."),
            format!("{good}x"),
            good[..good.len() - 2].to_owned(),
            parts[2].to_owned(),
            "..".to_owned(),
            ".".repeat(10_000),
            "x".repeat(100_000),
            format!("{}.{}.{}", parts[0], parts[1], "A".repeat(342)),
        ];
        let own = claims(&good, 0)["alg"].clone();
        for algorithm in ["HS256", "RS256", "ES256", "ES384", "PS256", ""].map(|name| json!(name)) {
            if algorithm == own {
                continue;
            }
            head["alg"] = algorithm;
            bad.push(format!("{}.{}.{}", encoded(&head), parts[1], parts[2]));
        }
        for (claim, value) in [
            ("exp", json!(i64::MAX)),
            ("sub", json!("system:admin")),
            ("aud", json!(["x"])),
            ("iss", json!(5)),
        ] {
            let kept = body[claim].clone();
            body[claim] = value;
            bad.push(format!("{}.{}.{}", parts[0], encoded(&body), parts[2]));
            body[claim] = kept;
        }
        bad.push(token(&admin, "robot", &json!({"audiences": ["somebody-else"]})).await);
        for token in bad {
            nobody.with_token(&token).post(WHO, &json!({})).await.refused_with(401, &format!("{token:.300}"));
        }
        for value in ["Basic YTpi", "Bearer \u{e4}", "Bearer \u{0}"] {
            if let Ok(answer) = nobody.open("GET", "/api", &[("authorization", value)], "").await {
                assert_eq!(answer.status(), 401, "{value}");
            }
        }
        admin.delete(&format!("{ACCOUNTS}/robot")).await.done("delete");
        wait_for("the token of a deleted account is still taken", async || {
            let answer = nobody.with_token(&good).post(WHO, &json!({})).await;
            (answer.code == 401).then_some(())
        })
        .await;
        let again = admin.post(ACCOUNTS, &json!({"metadata": {"name": "robot"}})).await;
        again.done("create");
        nobody
            .with_token(&good)
            .post(WHO, &json!({}))
            .await
            .refused_with(401, "another account of the same name");
        let log = cluster.log();
        assert!(!log.contains(&good) && !log.contains(parts[2]), "tokens are not logged");
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn tokens_die_with_what_they_are_bound_to() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        for name in ["robot", "other"] {
            admin.post(ACCOUNTS, &json!({"metadata": {"name": name}})).await.done("create");
        }
        let pods = "/api/v1/namespaces/default/pods";
        let pod = json!({"metadata": {"name": "p"}, "spec": {"serviceAccountName": "other",
            "containers": [{"name": "c", "image": "i"}]}});
        admin.post(pods, &pod).await.done("create");
        let bound = json!({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}});
        let foreign = admin.post(&format!("{ACCOUNTS}/robot/token"), &json!({"spec": bound})).await;
        foreign.refused_with(400, "a Pod of another account");
        for reference in
            [json!({"kind": "Odd", "name": "p"}), json!({"kind": "Pod", "name": "../p"}), json!("x")]
        {
            let spec = json!({"spec": {"boundObjectRef": reference}});
            admin.post(&format!("{ACCOUNTS}/other/token"), &spec).await.refused(&spec.to_string());
        }
        for seconds in [json!(-1), json!(1), json!(i64::MAX), json!("x"), json!(1e300)] {
            let spec = json!({"spec": {"expirationSeconds": seconds}});
            admin.post(&format!("{ACCOUNTS}/other/token"), &spec).await.sane(&spec.to_string());
        }
        let good = token(&admin, "other", &bound).await;
        let user = Client::nobody(&cluster).await.with_token(&good);
        user.post(WHO, &json!({})).await.done("who");
        admin.delete(&format!("{pods}/p")).await.done("delete");
        wait_for("the token of a deleted Pod is still taken", async || {
            (user.post(WHO, &json!({})).await.code == 401).then_some(())
        })
        .await;
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn certificates_of_others_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let folder = cluster.folder();
        let key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "stanchion-ca");
        let issuer = Issuer::new(authority, key);
        let own = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "admin");
        params.distinguished_name.push(DnType::OrganizationName, "system:masters");
        let certificate = params.signed_by(&own, &issuer).expect("signed");
        let (cert_file, key_file) = (folder.join("other.crt"), folder.join("other.key"));
        std::fs::write(&cert_file, certificate.pem()).expect("written");
        std::fs::write(&key_file, own.serialize_pem()).expect("written");
        if let Ok(other) = Client::connect(&cluster, Some((&cert_file, &key_file))).await {
            let answer = other.open("GET", "/api/v1/namespaces", &[], "").await;
            let code = answer.map(|answer| answer.status().as_u16());
            assert!(code.is_err() || code == Ok(401), "{code:?}");
        }
        // What the server shows is signed by the same authority, and is none for clients.
        let pki = cluster.data_dir().join("pki");
        let serving = (pki.join("apiserver.crt"), pki.join("apiserver.key"));
        if let Ok(other) = Client::connect(&cluster, Some((&serving.0, &serving.1))).await {
            let answer = other.open("GET", "/api/v1/namespaces", &[], "").await;
            let code = answer.map(|answer| answer.status().as_u16());
            assert!(code.is_err() || code == Ok(401) || code == Ok(403), "{code:?}");
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn who_shows_nothing_sees_only_health_and_version() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let nobody = Client::nobody(&cluster).await;
        for path in ["/livez", "/readyz", "/healthz", "/version"] {
            assert_eq!(nobody.get(path).await.code, 200, "{path}");
        }
        for path in [
            "/api",
            "/apis",
            "/",
            "/metrics",
            "/openapi/v3",
            "/openapi/v2",
            "/api/v1",
            "/apis/apps/v1",
            "/api/v1/namespaces",
            "/api/v1/pods",
            "/openid/v1/jwks",
            "/.well-known/openid-configuration",
            "/debug/pprof",
            "/logs",
            "/healthz/../metrics",
            "/livez/%2e%2e/metrics",
            "//metrics",
            "/version/x",
        ] {
            nobody.get(path).await.refused_with(403, path);
        }
        nobody.post(WHO, &json!({})).await.refused_with(403, "who");

        let closed = Cluster::start_with(&["--anonymous-auth=false"]).await;
        let (nobody, admin) = (Client::nobody(&closed).await, Client::admin(&closed).await);
        for path in ["/livez", "/readyz", "/version", "/api", "/api/v1/pods"] {
            nobody.get(path).await.refused_with(401, path);
        }
        unharmed(&closed, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn secrets_are_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let secret = "c2VjcmV0LXRoYXQtbm9ib2R5LW1heS1zZWU=";
        let secrets = "/api/v1/namespaces/default/secrets";
        let made = json!({"metadata": {"name": "s"}, "type": "Opaque", "data": {"a": secret}});
        admin.post(secrets, &made).await.done("create");
        for (at, value) in [
            ("/data/a", json!([secret])),
            ("/type", json!({"x": secret})),
            ("/metadata/labels", json!(secret)),
        ] {
            let mut bad = made.clone();
            match bad.pointer_mut(at) {
                Some(place) => *place = value,
                None => bad["metadata"]["labels"] = value,
            }
            admin.post(secrets, &bad).await.refused(at);
        }
        let log = cluster.log();
        assert!(!log.contains(secret) && !log.contains("secret-that"), "{log}");
        let mut folders = vec![cluster.data_dir()];
        while let Some(folder) = folders.pop() {
            let bits = std::fs::metadata(&folder).expect("it is there").permissions().mode();
            // The folder itself may be looked into, not what is in it.
            let open = bits & 0o077 != 0 && folder != cluster.data_dir();
            assert!(!open, "{} is open to others: {bits:o}", folder.display());
            for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry")) {
                let bits = entry.metadata().expect("it is there").permissions().mode();
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if name.ends_with(".key") || name.contains("kubeconfig") {
                    assert_eq!(bits & 0o077, 0, "{name} is open to others: {bits:o}");
                }
            }
        }
        let bits = std::fs::metadata(cluster.kubeconfig()).expect("it is there").permissions().mode();
        assert_eq!(bits & 0o077, 0, "the kubeconfig is open to others: {bits:o}");
        unharmed(&cluster, &admin).await;
    })
    .await;
}
