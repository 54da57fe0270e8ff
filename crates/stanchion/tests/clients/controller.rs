//! A kube-rs controller with a finalizer, which restarts of the server do not disturb.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Resource};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::finalizer::{self, finalizer};
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use parking_lot::Mutex;
use serde_json::json;

use crate::support::clients::{client, make, namespaced, object};
use crate::support::cluster::Cluster;
use crate::support::{wait_for, within};
use crate::watching::insist;

const FINALIZER: &str = "example.com/mirror";

/// A controller's failure.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failed(#[from] kube::Error);

struct Context {
    configs: Api<ConfigMap>,
    secrets: Api<Secret>,
    cleaned: Mutex<Vec<String>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_mirrors_and_cleans_up_over_restarts() {
    within(Duration::from_mins(2), async {
        let mut cluster = Cluster::start_lasting(&[]).await;
        let client = client(&cluster).await;
        let configs: Api<ConfigMap> = namespaced(&client, "controller").await;
        let secrets: Api<Secret> = Api::namespaced(client.clone(), "controller");
        let context = Arc::new(Context {
            configs: configs.clone(),
            secrets: secrets.clone(),
            cleaned: Mutex::default(),
        });
        let chosen = watcher::Config::default().labels("mirror=yes");
        let controller =
            Controller::new(configs.clone(), chosen).owns(secrets.clone(), watcher::Config::default());
        let running = controller.run(
            reconcile,
            |_, _, _| Action::requeue(Duration::from_millis(200)),
            Arc::clone(&context),
        );
        let running = tokio::spawn(running.for_each(|_| std::future::ready(())));

        make(&configs, config("first", "1")).await;
        mirrored(&secrets, &[("first", "1")]).await;
        for (round, how) in ["KILL", "TERM"].into_iter().enumerate() {
            let name = format!("round{round}");
            tokio::join!(write(&configs, &name), async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                cluster.again(how).await;
            });
        }
        mirrored(&secrets, &[("first", "1"), ("round0", "29"), ("round1", "29")]).await;

        // What the controller owns comes back when somebody else deletes it.
        secrets.delete("first", &DeleteParams::default()).await.expect("it can be deleted");
        mirrored(&secrets, &[("first", "1"), ("round0", "29"), ("round1", "29")]).await;

        let going = configs.delete("round0", &DeleteParams::default()).await.expect("it can be deleted");
        let going = going.left().expect("it waits for its finalizer");
        assert!(going.metadata.deletion_timestamp.is_some());
        wait_for("the object does not go", async || {
            configs.get_opt("round0").await.expect("it can be read").is_none().then_some(())
        })
        .await;
        assert_eq!(*context.cleaned.lock(), ["round0"]);
        mirrored(&secrets, &[("first", "1"), ("round1", "29")]).await;
        running.abort();
    })
    .await;
}

/// Creates an object and changes it for a while, each until it is done.
async fn write(configs: &Api<ConfigMap>, name: &str) {
    let new = object(config(name, "1"));
    insist(async || configs.create(&PostParams::default(), &new).await.map(drop)).await;
    for value in 2..30 {
        let patch = Patch::Merge(json!({"data": {"value": value.to_string()}}));
        insist(async || configs.patch(name, &PatchParams::default(), &patch).await.map(drop)).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn config(name: &str, value: &str) -> serde_json::Value {
    json!({"metadata": {"name": name, "labels": {"mirror": "yes"}}, "data": {"value": value}})
}

async fn mirrored(secrets: &Api<Secret>, expected: &[(&str, &str)]) {
    let expected: BTreeMap<String, Vec<u8>> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    wait_for(&format!("the mirror is not {expected:?}"), async || {
        let list = secrets.list(&ListParams::default()).await.expect("secrets can be listed");
        let value = |secret: &Secret| secret.data.as_ref().and_then(|data| data.get("value")).cloned();
        let found: BTreeMap<String, Vec<u8>> =
            list.iter().map(|secret| (secret.name_any(), value(secret).unwrap_or_default().0)).collect();
        (found == expected).then_some(())
    })
    .await;
}

async fn reconcile(
    config: Arc<ConfigMap>,
    context: Arc<Context>,
) -> Result<Action, finalizer::Error<Failed>> {
    finalizer(&context.configs, FINALIZER, config, async |event| match event {
        finalizer::Event::Apply(config) => mirror(&config, &context).await,
        finalizer::Event::Cleanup(config) => clean(&config, &context).await,
    })
    .await
}

async fn mirror(config: &ConfigMap, context: &Context) -> Result<Action, Failed> {
    let value = config.data.as_ref().and_then(|data| data.get("value")).cloned().unwrap_or_default();
    let owner = config.controller_owner_ref(&()).expect("the object is of the server");
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": config.name_any(), "ownerReferences": [owner]},
        "stringData": {"value": value},
    });
    let params = PatchParams::apply("mirror").force();
    context.secrets.patch(&config.name_any(), &params, &Patch::Apply(secret)).await?;
    Ok(Action::await_change())
}

async fn clean(config: &ConfigMap, context: &Context) -> Result<Action, Failed> {
    match context.secrets.delete(&config.name_any(), &DeleteParams::default()).await {
        Ok(_) => context.cleaned.lock().push(config.name_any()),
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Action::await_change())
}
