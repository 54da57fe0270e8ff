//! Every resource that discovery tells of, in every verb, with every body that is none.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::LIMIT;
use crate::bodies::no_objects;
use crate::client::{Client, unharmed};
use crate::support::cluster::Cluster;
use crate::support::within;

/// A resource or a part of its objects, as discovery has it.
struct Served {
    path: String,
    api_version: String,
    kind: String,
}

async fn served(admin: &Client) -> Vec<Served> {
    let mut roots = vec![("/api/v1".to_owned(), "v1".to_owned())];
    let groups = admin.get("/apis").await.done("groups");
    for group in groups["groups"].as_array().expect("groups") {
        for version in group["versions"].as_array().expect("versions") {
            let version = version["groupVersion"].as_str().expect("a version").to_owned();
            roots.push((format!("/apis/{version}"), version));
        }
    }
    let mut all = Vec::new();
    for (root, version) in roots {
        let list = admin.get(&root).await.done(&root);
        for resource in list["resources"].as_array().expect("resources") {
            let name = resource["name"].as_str().expect("a name");
            let within = if resource["namespaced"] == true { "/namespaces/default" } else { "" };
            let path = match name.split_once('/') {
                Some((plural, part)) => format!("{root}{within}/{plural}/nothing/{part}"),
                None => format!("{root}{within}/{name}"),
            };
            let (group, of) = (&resource["group"], &resource["version"]);
            let api_version = match (group.as_str().unwrap_or(""), of.as_str()) {
                (_, None) => version.clone(),
                ("", Some(of)) => of.to_owned(),
                (group, Some(of)) => format!("{group}/{of}"),
            };
            all.push(Served {
                path,
                api_version,
                kind: resource["kind"].as_str().expect("a kind").to_owned(),
            });
        }
    }
    all
}

/// Returns bodies of the right kind that are no good.
fn odd_objects(served: &Served) -> Vec<(&'static str, Vec<u8>)> {
    let parts = [
        json!({}),
        json!({"metadata": null}),
        json!({"metadata": 5}),
        json!({"metadata": {"name": 5}}),
        json!({"metadata": {"name": "nothing"}}),
        json!({"metadata": {"name": "nothing", "labels": []}}),
        json!({"metadata": {"name": "nothing"}, "spec": null, "status": null}),
        json!({"metadata": {"name": "nothing"}, "spec": 5}),
        json!({"metadata": {"name": "nothing"}, "spec": []}),
        json!({"metadata": {"name": "nothing"}, "spec": {}, "status": {}}),
        json!({"metadata": {"name": "nothing", "uid": "x", "resourceVersion": "1"}, "spec": {}}),
        json!({"metadata": {"name": "nothing", "resourceVersion": "x"}, "spec": {"a": {"b": [null]}}}),
        json!({"metadata": {"name": "nothing", "namespace": "other"}}),
        json!({"metadata": {"generateName": "nothing-"}, "target": 5, "data": 5, "rules": 5, "webhooks": 5}),
        json!({"metadata": {"name": "nothing"}, "spec": {"template": 5, "selector": 5, "containers": 5, "ports": 5}}),
        json!({"metadata": {"name": "nothing"}, "subsets": [5], "endpoints": [null], "roleRef": {}, "subjects": [{}]}),
    ];
    let whole = |mut part: Value| {
        part["apiVersion"] = json!(served.api_version);
        part["kind"] = json!(served.kind);
        ("application/json", part.to_string().into_bytes())
    };
    parts.into_iter().map(whole).collect()
}

#[tokio::test]
async fn every_resource_refuses_every_body_that_is_none() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let all = served(&admin).await;
        assert!(all.len() > 80, "{} resources are served", all.len());
        let none: Arc<Vec<(&str, Vec<u8>)>> =
            Arc::new(no_objects().into_iter().filter(|(_, body)| body.len() < 10_000).collect());
        let mut tasks = JoinSet::new();
        for served in all {
            let (client, none) = (admin.clone(), Arc::clone(&none));
            tasks.spawn(async move {
                for (media, body) in none.iter() {
                    try_all(&client, &served, media, body).await;
                }
                for (media, body) in odd_objects(&served) {
                    try_all(&client, &served, media, &body).await;
                }
            });
            if tasks.len() >= 16 {
                tasks.join_next().await.expect("a task").expect("which ended well");
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("a task ended well");
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

async fn try_all(client: &Client, served: &Served, media: &str, body: &[u8]) {
    let one = if served.path.contains("/nothing") {
        served.path.clone()
    } else {
        format!("{}/nothing", served.path)
    };
    let requests = [
        ("POST", served.path.as_str(), media),
        ("PUT", one.as_str(), media),
        ("PATCH", one.as_str(), "application/json-patch+json"),
        ("PATCH", one.as_str(), "application/merge-patch+json"),
        ("PATCH", one.as_str(), "application/strategic-merge-patch+json"),
        ("PATCH", one.as_str(), "application/apply-patch+yaml"),
        ("DELETE", one.as_str(), media),
    ];
    for (method, path, media) in requests {
        let query = if media.contains("apply") { "?dryRun=All&fieldManager=x" } else { "?dryRun=All" };
        let what = format!("{method} {path} {media} {:.150}", String::from_utf8_lossy(body));
        let answer =
            client.send(method, &format!("{path}{query}"), &[("content-type", media)], body.to_vec()).await;
        if media.contains("apply") && answer.code == 500 {
            // Configurations of the wrong types are told with this code by other servers as well.
            assert_eq!(answer.json()["kind"], "Status", "{what}: {}", answer.start());
        } else {
            answer.sane(&what);
        }
    }
}
