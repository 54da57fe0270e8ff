//! Custom resources through kube-rs: defined, established, used at once, found by discovery.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::core::GroupVersionKind;
use kube::discovery::{self, Discovery, Scope};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::support::clients::{client, make, object, refusal};
use crate::support::cluster::Cluster;
use crate::support::within;

fn definition(group: &str) -> serde_json::Value {
    let size = json!({"type": "integer", "minimum": 1, "default": 3});
    json!({
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}, "scale": {
                    "specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size",
                }},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "required": ["color"], "properties": {
                        "color": {"type": "string", "enum": ["red", "blue"]}, "size": size,
                    }},
                    "status": {"type": "object", "properties": {"size": {"type": "integer"}}},
                }}},
            }],
        },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custom_resource_is_served_once_it_is_established() {
    within(Duration::from_mins(1), Box::pin(async {
        let cluster = Cluster::start().await;
        let client = client(&cluster).await;
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        // Again and again, for what is lost to a race is not lost every time.
        for round in 0..10 {
            let group = format!("g{round}.example.com");
            let name = make(&definitions, definition(&group)).await.name_any();
            let established = await_condition(definitions.clone(), &name, conditions::is_crd_established());
            established.await.expect("the definition can be watched");
            let kind = GroupVersionKind::gvk(&group, "v1", "Widget");
            let resource = ApiResource::from_gvk_with_plural(&kind, "widgets");
            let widgets: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
            let new = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": "a"}, "spec": {"color": "red"}});
            let made = make(&widgets, new).await;
            assert_eq!(made.data["spec"]["size"], 3);
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custom_objects_are_found_written_and_watched() {
    within(Duration::from_mins(1), Box::pin(async {
        let cluster = Cluster::start().await;
        let client = client(&cluster).await;
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        make(&definitions, definition("example.com")).await;
        let established = await_condition(definitions.clone(), "widgets.example.com", conditions::is_crd_established());
        established.await.expect("the definition can be watched");

        let kind = GroupVersionKind::gvk("example.com", "v1", "Widget");
        for discovered in [
            Discovery::new(client.clone()).run().await,
            Discovery::new(client.clone()).run_aggregated().await,
        ] {
            let discovered = discovered.expect("the API can be discovered");
            let (resource, capabilities) = discovered.resolve_gvk(&kind).expect("the kind is discovered");
            assert_eq!((resource.plural.as_str(), capabilities.scope), ("widgets", Scope::Namespaced));
            let mut parts: Vec<&str> = capabilities.subresources.iter().map(|(part, _)| part.plural.as_str()).collect();
            parts.sort_unstable();
            assert_eq!(parts, ["scale", "status"]);
            assert!(discovered.has_group("apps") && discovered.has_group("rbac.authorization.k8s.io"));
        }
        let (resource, _) = discovery::pinned_kind(&client, &kind).await.expect("the kind is discovered");
        let widgets: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);

        let mut events = widgets.watch(&WatchParams::default(), "0").await.expect("a watch begins").boxed();
        let applied = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"color": "red"}});
        let made = widgets.patch("a", &PatchParams::apply("one"), &Patch::Apply(&applied)).await;
        let made = made.expect("it can be applied");
        assert_eq!((made.data["spec"]["size"].as_i64(), made.metadata.generation), (Some(3), Some(1)));
        let other = json!({"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"color": "blue"}});
        let conflict = widgets.patch("a", &PatchParams::apply("two"), &Patch::Apply(&other)).await;
        assert_eq!(refusal(conflict), (409, "Conflict".to_owned()));
        let forced = widgets.patch("a", &PatchParams::apply("two").force(), &Patch::Apply(&other)).await;
        assert_eq!(forced.expect("it can be forced").metadata.generation, Some(2));

        let status = json!({"apiVersion": "example.com/v1", "kind": "Widget", "status": {"size": 2}, "spec": {"color": "red"}});
        let patched = widgets.patch_status("a", &PatchParams::default(), &Patch::Merge(&status)).await;
        let patched = patched.expect("the status can be patched");
        assert_eq!(patched.data, json!({"spec": {"color": "blue", "size": 3}, "status": {"size": 2}}));
        assert_eq!(patched.metadata.generation, Some(2));
        let scale = widgets.get_scale("a").await.expect("it has a scale");
        assert_eq!(scale.spec.and_then(|spec| spec.replicas), Some(3));
        let size = Patch::Merge(json!({"spec": {"replicas": 7}}));
        widgets.patch_scale("a", &PatchParams::default(), &size).await.expect("it can be scaled");
        let found = widgets.get("a").await.expect("it is there");
        assert_eq!(found.data["spec"]["size"], 7);

        let wrong = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "b"}, "spec": {"color": "green", "size": 0}});
        let refused = widgets.create(&PostParams::default(), &object(wrong)).await;
        let Err(kube::Error::Api(refused)) = refused else { panic!("{refused:?}") };
        let fields: Vec<String> = refused.details.iter().flat_map(|details| &details.causes).map(|cause| cause.field.clone()).collect();
        assert_eq!((refused.code, fields), (422, vec!["spec.color".to_owned(), "spec.size".to_owned()]));

        widgets.delete("a", &DeleteParams::default()).await.expect("it can be deleted");
        let mut told = Vec::new();
        while told.last() != Some(&"deleted") {
            told.push(match events.try_next().await.expect("the watch goes on").expect("the watch goes on") {
                WatchEvent::Added(_) => "added",
                WatchEvent::Modified(_) => "modified",
                WatchEvent::Deleted(_) => "deleted",
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(status) => panic!("{status:?}"),
            });
        }
        assert_eq!(told, ["added", "modified", "modified", "modified", "deleted"]);
        definitions.delete("widgets.example.com", &DeleteParams::default()).await.expect("it can be deleted");
        let gone = await_condition(definitions, "widgets.example.com", |found: Option<&CustomResourceDefinition>| found.is_none());
        gone.await.expect("the definition can be watched");
        assert_eq!(refusal(widgets.list(&ListParams::default()).await).0, 404);
    }))
    .await;
}
