//! What the server tells of itself: resources, documents, health, metrics.

use crate::LIMIT;
use crate::support::cluster::Cluster;
use crate::support::http::{Client, Identity};
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discovery_has_its_forms_and_tags() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        for version in ["v2", "v2beta1"] {
            let media =
                format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
            let accept = format!("{media},application/json");
            for path in ["/api", "/apis"] {
                let reply = client.get_with(path, &[("accept", &accept)]).await;
                assert_eq!((reply.header("content-type"), reply.header("vary")), (media.as_str(), "Accept"));
                let tag = reply.header("etag").to_owned();
                let list = reply.is(200);
                assert_eq!(list["kind"], "APIGroupDiscoveryList");
                assert!(list["items"].as_array().is_some_and(|items| !items.is_empty()));
                let same = client.get_with(path, &[("accept", &accept), ("if-none-match", &tag)]).await;
                assert_eq!((same.code, same.body.len(), same.header("etag")), (304, 0, tag.as_str()));
                let other =
                    client.get_with(path, &[("accept", &accept), ("if-none-match", "\"other\"")]).await;
                assert_eq!(other.code, 200);
            }
        }
        assert_eq!(client.get("/api").await.is(200)["kind"], "APIVersions");
        assert_eq!(client.get("/apis").await.is(200)["kind"], "APIGroupList");
        assert_eq!(client.get("/apis/apps").await.is(200)["preferredVersion"]["groupVersion"], "apps/v1");
        let apps = client.get("/apis/apps/v1").await.is(200);
        assert_eq!(apps["groupVersion"], "apps/v1");
        let scale = apps["resources"]
            .as_array()
            .and_then(|all| all.iter().find(|r| r["name"] == "deployments/scale"));
        assert_eq!(scale.expect("it is there")["group"], "autoscaling");
        assert_eq!(client.get("/apis/none.io").await.code, 404);
        let version = client.get("/version").await.is(200);
        assert_eq!((version["major"].as_str(), version["minor"].as_str()), (Some("1"), Some("36")));
        let endpoints = client.get("/api/v1/namespaces/default/endpoints").await;
        assert_eq!(
            endpoints.headers("warning"),
            ["299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\""]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_kept_by_their_hash() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let index = client.get("/openapi/v3").await.is(200);
        let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().expect("a place").to_owned();
        assert!(url.starts_with("/openapi/v3/apis/apps/v1?hash="), "{url}");
        let plain = client.get(&url).await;
        assert_eq!((plain.code, plain.header("content-encoding")), (200, ""));
        assert_eq!(plain.headers("cache-control"), ["public, immutable"]);
        assert!(plain.header("expires").ends_with("GMT"));
        let tag = plain.header("etag").to_owned();
        assert!(
            plain.value()["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"].is_object()
        );
        let packed = client.get_with(&url, &[("accept-encoding", "gzip")]).await;
        assert_eq!((packed.code, packed.header("content-encoding")), (200, "gzip"));
        assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() * 4 < plain.body.len());
        let same = client.get_with("/openapi/v3/apis/apps/v1", &[("if-none-match", &tag)]).await;
        assert_eq!((same.code, same.body.len()), (304, 0));
        let old = client.get("/openapi/v3/apis/apps/v1?hash=OLD").await;
        assert_eq!((old.code, old.header("location")), (301, url.as_str()));
        let unhashed = client.get("/openapi/v3/api/v1").await;
        assert_eq!((unhashed.code, unhashed.header("expires")), (200, ""));
        assert_eq!(client.get("/openapi/v3/apis/none/v1").await.code, 404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics_are_told_as_usual() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let client = Client::of(&cluster).await;
        let nobody = Client::connect(&cluster, Identity::Anonymous).await;
        for path in ["/livez", "/readyz", "/healthz"] {
            let reply = nobody.get(path).await;
            assert_eq!((reply.code, reply.text().as_str()), (200, "ok"), "{path}");
        }
        assert_eq!(client.get("/livez/ping").await.text(), "ok");
        let verbose = client.get("/readyz?verbose&exclude=etcd").await.text();
        assert!(verbose.contains("[+]ping ok\n") && verbose.contains("[+]etcd excluded: ok\n"), "{verbose}");
        assert!(verbose.ends_with("readyz check passed\n"), "{verbose}");
        assert_eq!(client.get("/livez/none").await.code, 404);
        assert_eq!(nobody.get("/metrics").await.code, 403);
        client.get("/api/v1/pods").await.is(200);
        let metrics = client.get("/metrics").await;
        assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
        let text = metrics.text();
        assert!(text.contains("# TYPE apiserver_request_total counter\n"), "{text}");
        let listed = text
            .lines()
            .find(|line| line.starts_with("apiserver_request_total{") && line.contains("resource=\"pods\""));
        assert!(
            listed.is_some_and(|line| line.contains("verb=\"LIST\"") && line.contains("code=\"200\"")),
            "{text}"
        );
        assert!(text.contains("# TYPE apiserver_request_duration_seconds histogram\n"));
        assert!(!text.contains("# EOF"));
    })
    .await;
}
