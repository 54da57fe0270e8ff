//! Paths that lead nowhere, names that are none, and methods that mean nothing.

use serde_json::json;

use crate::LIMIT;
use crate::client::{Client, unharmed};
use crate::support::cluster::Cluster;
use crate::support::within;

#[tokio::test]
async fn paths_that_lead_astray_lead_nowhere() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let long = "a".repeat(10_000);
        let paths = [
            "/api/v1/namespaces/default/../../secrets".to_owned(),
            "/api/v1/namespaces/%2e%2e/secrets/x".to_owned(),
            "/api/v1/namespaces/default/secrets/..".to_owned(),
            "/api/v1/namespaces/default/secrets/%2e%2e%2fkube-system".to_owned(),
            "/api/v1/namespaces/default%2fsecrets/pods/x".to_owned(),
            "/api/v1/namespaces/default/pods/x%00y".to_owned(),
            "/api/v1/namespaces/%00/pods/x".to_owned(),
            "/api/v1/namespaces/default/pods/%ff%fe".to_owned(),
            "/api/v1/namespaces/default/pods/%".to_owned(),
            "/api/v1/namespaces/default/pods/%zz".to_owned(),
            "/api/v1/namespaces/default/pods/x/y/z".to_owned(),
            "/api/v1/namespaces/default/pods/x/status/more".to_owned(),
            format!("/api/v1/namespaces/default/pods/{long}"),
            format!("/api/v1/namespaces/{long}/pods/x"),
            format!("/apis/{long}/v1/x"),
            format!("/{long}"),
            "/api/v1/namespaces/default/namespaces".to_owned(),
            "/api/v1/namespaces/default/namespaces/kube-system".to_owned(),
            "/api/v1/namespaces/default/nodes".to_owned(),
            "/apis/apps/v1/namespaces/default/pods".to_owned(),
            "/apis/apps/v9/deployments".to_owned(),
            "/api/v2/pods".to_owned(),
            "/apis//v1/pods".to_owned(),
            "/openapi/v3/../secrets".to_owned(),
            "/openapi/v3/apis/nothing/v1".to_owned(),
            "/healthz/%2e%2e/metrics".to_owned(),
            "/nothing".to_owned(),
        ];
        for path in paths {
            for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
                let headers = [("content-type", "application/json")];
                let answer = admin.send(method, &path, &headers, "{}").await;
                assert!((400..500).contains(&answer.code), "{method} {path:.100}: {}", answer.code);
                // Where no group is, other servers say so in plain text as well.
                if path.starts_with("/api") && answer.body.starts_with(b"{") {
                    answer.refused(&format!("{method} {path:.100}"));
                }
            }
        }
        for line in [
            "GET \\..\\..\\x HTTP/1.1",
            "GET /a\x01b HTTP/1.1",
            "GET HTTP/1.1",
            "G\0T / HTTP/1.1",
            "PRI * HTTP/2.0",
        ] {
            let answer =
                admin.shout(format!("{line}\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes()).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{line:?}: {answer:.200}");
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let long = "a".repeat(10_000);
        let names =
            ["", "..", ".", "a/b", "a%b", "A", "-a", "a-", "a b", "a\u{0}", "\u{e4}", "a..b", &long, "a\n"];
        let places = [
            "/api/v1/namespaces/default/pods",
            "/api/v1/namespaces/default/configmaps",
            "/api/v1/namespaces",
            "/api/v1/nodes",
            "/apis/apps/v1/namespaces/default/deployments",
            "/apis/coordination.k8s.io/v1/namespaces/default/leases",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        ];
        for place in places {
            for name in names {
                let what = format!("{place} {name:.20?}");
                admin.post(place, &json!({"metadata": {"name": name}})).await.refused(&what);
            }
            for prefix in ["../", "A", "/", "%", "\u{0}"] {
                let answer = admin.post(place, &json!({"metadata": {"generateName": prefix}})).await;
                answer.refused(&format!("{place} {prefix}"));
            }
            // Of a prefix that is too long as much is taken as fits.
            admin.post(place, &json!({"metadata": {"generateName": long}})).await.sane(place);
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn methods_that_mean_nothing_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let cases = [
            ("POST", "/api/v1/pods", 405),
            ("PUT", "/api/v1/namespaces/default/pods", 405),
            ("PATCH", "/api/v1/namespaces/default/pods", 405),
            ("POST", "/api/v1/namespaces/default/pods/x", 405),
            ("DELETE", "/api/v1/pods", 405),
            ("POST", "/api/v1/namespaces/default/pods/x/status", 405),
            ("DELETE", "/api/v1/namespaces/default/pods/x/status", 405),
            ("GET", "/api/v1/namespaces/default/pods/x/eviction", 405),
            ("GET", "/api/v1/namespaces/default/pods/x/binding", 405),
            ("DELETE", "/apis/apps/v1/namespaces/default/deployments/x/scale", 405),
            ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405),
            ("TRACE", "/api/v1/namespaces/default/pods", 405),
            ("BREW", "/api/v1/namespaces/default/pods", 405),
            ("OPTIONS", "/api/v1/namespaces/default/pods/x", 405),
            ("GET", "/api/v1/namespaces/default/pods/x/nothing", 404),
            ("GET", "/api/v1/namespaces/default/configmaps/x/status", 404),
            ("POST", "/api/v1", 405),
            ("DELETE", "/apis", 405),
        ];
        for (method, path, code) in cases {
            let answer = admin.send(method, path, &[("content-type", "application/json")], "{}").await;
            answer.refused_with(code, &format!("{method} {path}"));
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}
