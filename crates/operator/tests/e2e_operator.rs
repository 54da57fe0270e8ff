//! The operator against the API server of this repository, in one process. The test acts as node and as manager.

#[path = "operator/rules.rs"]
mod rules;
#[path = "operator/support.rs"]
mod support;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use stanchion_api::{OPERATION, Operation};
use stanchion_store::core::{KeyRange, Put, RangeQuery};

use self::support::{Cluster, condition, eventually, when};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_gets_all_it_needs() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create("orders", &json!({})).await?;
    for ordinal in 0..3 {
        when(&cluster.api::<Pod>(), &format!("orders-{ordinal}"), |_| true).await?;
        when(&cluster.api::<PersistentVolumeClaim>(), &format!("data-orders-{ordinal}"), |_| true).await?;
    }
    for service in ["orders-primary", "orders-replicas", "orders-instances"] {
        when(&cluster.api::<Service>(), service, |_| true).await?;
    }
    let account = when(&cluster.api::<ServiceAccount>(), "orders", |_| true).await?;
    assert_eq!(account.automount_service_account_token, Some(false));
    let budget = when(&cluster.api::<PodDisruptionBudget>(), "orders", |_| true).await?;
    let stay = budget.spec.and_then(|spec| spec.min_available).context("a budget")?;
    assert_eq!(json!(stay), json!(2));
    when(&cluster.api::<ConfigMap>(), "orders-agent", |_| true).await?;
    for (name, keys) in [
        ("orders-tls", &["ca.crt", "ca.key", "tls.crt", "tls.key"] as &[&str]),
        ("orders-credentials", &["ca.crt", "database", "host", "password", "port", "user"]),
        ("orders-system", &["app-password", "replication-password"]),
        ("orders-store", &["ca.crt", "tls.crt", "tls.key"]),
    ] {
        let secret = when(&cluster.api::<Secret>(), name, |_| true).await?;
        assert_eq!(secret.data.unwrap_or_default().keys().collect::<Vec<_>>(), keys, "{name}");
    }
    let pod = cluster.api::<Pod>().get("orders-0").await?;
    ensure!(pod.spec.context("a spec")?.affinity.is_some(), "instances avoid each other");
    cluster.be_node(3).await?;
    cluster.be_manager("orders", "orders-0", 3).await?;
    let ready = cluster.condition("orders", "Ready", "Ready").await?;
    assert_eq!(ready.status, "True");
    let object = cluster.clusters().get("orders").await?;
    let summary = object.status.and_then(|status| status.instances).context("a summary")?;
    assert_eq!((summary.summary.as_str(), summary.updated), ("3/3", 3));
    assert_eq!(cluster.row("orders").await?, json!(["orders", "orders-0", 1, "3/3", "Ready"]));
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_gone_comes_back_with_its_volume() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create("orders", &json!({})).await?;
    let before = when(&cluster.api::<Pod>(), "orders-1", |_| true).await?;
    cluster.be_node(3).await?;
    let claim = cluster.api::<PersistentVolumeClaim>().get("data-orders-1").await?;
    cluster.remove_pod("orders-1").await?;
    when(&cluster.api::<Pod>(), "orders-1", |pod| pod.uid() != before.uid()).await?;
    assert_eq!(cluster.api::<PersistentVolumeClaim>().get("data-orders-1").await?.uid(), claim.uid());
    // One that has failed is replaced too.
    let failed = cluster.api::<Pod>().get("orders-2").await?;
    cluster.set_phase("orders-2", "Failed").await?;
    when(&cluster.api::<Pod>(), "orders-2", |pod| pod.uid() != failed.uid()).await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_template_goes_through_all_instances_the_primary_last() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create("orders", &json!({})).await?;
    cluster.be_node(3).await?;
    cluster.be_manager("orders", "orders-0", 3).await?;
    cluster.condition("orders", "Ready", "Ready").await?;
    let old: Vec<Option<String>> = cluster.uids(3).await?;
    cluster.patch("orders", &json!({"spec": {"engine": {"parameters": {"max_connections": "500"}}}})).await?;
    let pods = cluster.api::<Pod>();
    when(&pods, "orders-2", |pod| pod.uid() != old[2]).await?;
    // Until the new one is ready nobody else is touched.
    cluster.condition("orders", "Progressing", "Waiting").await?;
    assert_eq!(cluster.uids(2).await?, old[..2]);
    cluster.be_node(3).await?;
    when(&pods, "orders-1", |pod| pod.uid() != old[1]).await?;
    cluster.be_node(3).await?;
    let asked =
        when(&cluster.clusters(), "orders", |object| object.annotations().contains_key(OPERATION)).await?;
    let operation = Operation::parse(&asked.annotations()[OPERATION])?;
    let to = operation.to.context("somebody")?;
    assert_eq!(pods.get("orders-0").await?.uid(), old[0], "the primary hands over first");
    cluster.be_manager("orders", &to, 3).await?;
    when(&pods, "orders-0", |pod| pod.uid() != old[0]).await?;
    cluster.be_node(3).await?;
    cluster.condition("orders", "Ready", "Ready").await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_come_and_go() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create("orders", &json!({"instances": 1})).await?;
    cluster.be_node(1).await?;
    ensure!(
        cluster.api::<PodDisruptionBudget>().get_opt("orders").await?.is_none(),
        "nothing blocks a drain"
    );
    cluster.patch("orders", &json!({"spec": {"instances": 3}})).await?;
    cluster.be_node(3).await?;
    cluster.be_manager("orders", "orders-2", 3).await?;
    cluster.condition("orders", "Ready", "Ready").await?;
    cluster.patch("orders", &json!({"spec": {"instances": 1}})).await?;
    let asked =
        when(&cluster.clusters(), "orders", |object| object.annotations().contains_key(OPERATION)).await?;
    assert_eq!(Operation::parse(&asked.annotations()[OPERATION])?.to.as_deref(), Some("orders-0"));
    cluster.be_manager("orders", "orders-0", 1).await?;
    let pods = cluster.api::<Pod>();
    eventually("two Pods are being deleted", async || {
        let mut left = 0;
        for name in ["orders-1", "orders-2"] {
            let pod = pods.get_opt(name).await?;
            left += usize::from(pod.is_some_and(|pod| pod.metadata.deletion_timestamp.is_none()));
        }
        Ok(left == 0)
    })
    .await?;
    cluster.api::<PersistentVolumeClaim>().get("data-orders-2").await.context("volumes stay")?;
    eventually("no budget", async || {
        Ok(cluster.api::<PodDisruptionBudget>().get_opt("orders").await?.is_none())
    })
    .await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_volumes_outlive_their_cluster() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create("orders", &json!({})).await?;
    cluster.be_node(3).await?;
    let secrets = cluster.api::<Secret>();
    let before = when(&secrets, "orders-credentials", |_| true).await?;
    let system = when(&secrets, "orders-system", |_| true).await?;
    let key = "/stanchion/default/orders/topology";
    let put = Put { key: key.into(), value: "{}".into(), ..Put::default() };
    cluster.store().put(put).await?;
    cluster.delete("orders").await?;
    for ordinal in 0..3 {
        cluster.remove_pod(&format!("orders-{ordinal}")).await?;
    }
    cluster.gone("orders").await?;
    let query = RangeQuery::new(KeyRange::One(key.into()));
    assert_eq!(cluster.store().range(query).await?.count, 0, "nothing is left in the store");
    cluster.api::<PersistentVolumeClaim>().get("data-orders-0").await.context("volumes stay")?;
    // As the garbage collector does, which does not run here.
    secrets.delete("orders-tls", &DeleteParams::default()).await?;
    cluster.create("orders", &json!({"deletionPolicy": "Delete"})).await?;
    cluster.be_node(3).await?;
    let authority = |secret: &Secret| secret.data.as_ref().and_then(|data| data.get("ca.crt")).cloned();
    let new = when(&secrets, "orders-tls", |_| true).await?;
    let after = when(&secrets, "orders-credentials", |after| authority(after) == authority(&new)).await?;
    assert_ne!(authority(&after), authority(&before), "the servers have a new authority");
    let rest = |secret: Secret| {
        let mut data = secret.data.unwrap_or_default();
        data.remove("ca.crt");
        data
    };
    assert_eq!(rest(after), rest(before));
    assert_eq!(secrets.get("orders-system").await?.data, system.data);
    cluster.delete("orders").await?;
    for ordinal in 0..3 {
        cluster.remove_pod(&format!("orders-{ordinal}")).await?;
    }
    cluster.gone("orders").await?;
    for name in ["orders-credentials", "orders-system"] {
        ensure!(secrets.get_opt(name).await?.is_none(), "the passwords in {name} are gone");
    }
    eventually("the volumes go", async || {
        let claims = cluster.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
        Ok(claims.items.iter().all(|claim| claim.metadata.deletion_timestamp.is_some()))
    })
    .await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_a_cluster_with_one_secret_are_parted_when_nobody_mounts_them_there() -> Result<()> {
    let cluster = Cluster::start().await?;
    let secrets = cluster.api::<Secret>();
    let old = json!({
        "metadata": {"name": "orders-credentials", "labels": {"stanchion.dev/cluster": "orders"}},
        "stringData": {
            "root-password": "r", "replication-password": "s", "app-password": "a", "password": "a",
            "host": "h", "port": "1", "user": "u", "database": "d",
        },
    });
    let params = kube::api::PostParams::default();
    secrets.create(&params, &serde_json::from_value(old)?).await?;
    cluster.create("orders", &json!({})).await?;
    let system = when(&secrets, "orders-system", |_| true).await?;
    let expected: Secret =
        serde_json::from_value(json!({"data": {"app-password": "YQ==", "replication-password": "cw=="}}))?;
    assert_eq!(system.data, expected.data);
    let left = when(&secrets, "orders-credentials", |secret| {
        secret.data.as_ref().is_some_and(|data| !data.contains_key("root-password"))
    })
    .await?;
    let left = left.data.unwrap_or_default();
    assert_eq!(left.keys().collect::<Vec<_>>(), ["ca.crt", "database", "host", "password", "port", "user"]);
    assert_eq!((left["password"].0.as_slice(), left["host"].0.as_slice()), (&b"a"[..], &b"h"[..]));
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_somebody_elses_is_neither_used_nor_deleted() -> Result<()> {
    let cluster = Cluster::start().await?;
    let secrets = cluster.api::<Secret>();
    let theirs = json!({"metadata": {"name": "orders-system"}, "stringData": {"replication-password": "x"}});
    secrets.create(&kube::api::PostParams::default(), &serde_json::from_value(theirs)?).await?;
    cluster.create("orders", &json!({"deletionPolicy": "Delete"})).await?;
    let told = cluster.condition("orders", "Ready", "SecretFailed").await?;
    ensure!(told.message.contains("Secret default/orders-system is there already"), "{}", told.message);
    cluster.delete("orders").await?;
    for ordinal in 0..3 {
        cluster.remove_pod(&format!("orders-{ordinal}")).await?;
    }
    cluster.gone("orders").await?;
    let data = secrets.get("orders-system").await?.data.unwrap_or_default();
    assert_eq!(data.keys().collect::<Vec<_>>(), ["replication-password"]);
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_grow() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create("orders", &json!({})).await?;
    let claims = cluster.api::<PersistentVolumeClaim>();
    for ordinal in 0..3 {
        let name = format!("data-orders-{ordinal}");
        when(&claims, &name, |_| true).await?;
        let bound = json!({"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}});
        claims.patch_status(&name, &PatchParams::default(), &Patch::Merge(bound)).await?;
    }
    cluster.patch("orders", &json!({"spec": {"storage": {"size": "2Gi"}}})).await?;
    for ordinal in 0..3 {
        let asks = |claim: &PersistentVolumeClaim| {
            let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
            requests.get("storage").map(|size| size.0.clone())
        };
        when(&claims, &format!("data-orders-{ordinal}"), |claim| asks(claim).as_deref() == Some("2Gi"))
            .await?;
    }
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_everything() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create("orders", &json!({"paused": true})).await?;
    cluster.condition("orders", "Progressing", "Paused").await?;
    ensure!(cluster.api::<Pod>().list(&ListParams::default()).await?.items.is_empty());
    cluster.patch("orders", &json!({"spec": {"paused": false}})).await?;
    when(&cluster.api::<Pod>(), "orders-0", |_| true).await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_change_is_changed_back_and_what_is_theirs_is_not_taken() -> Result<()> {
    let cluster = Cluster::start().await?;
    let theirs = json!({"metadata": {"name": "billing-primary"}, "spec": {"ports": [{"port": 80}]}});
    let service: Service = serde_json::from_value(theirs)?;
    cluster.api::<Service>().create(&kube::api::PostParams::default(), &service).await?;
    cluster.create("billing", &json!({})).await?;
    let told = cluster.condition("billing", "Ready", "NameTaken").await?;
    ensure!(told.message.contains("Service default/billing-primary"), "{}", told.message);
    when(&cluster.api::<Pod>(), "billing-0", |_| true).await.context("everything else is made")?;
    let events = cluster.api::<Event>();
    eventually("an Event", async || {
        let list = events.list(&ListParams::default().fields("reason=NameTaken")).await?;
        Ok(!list.items.is_empty())
    })
    .await?;
    // The trouble of one cluster is not that of another.
    cluster.create("orders", &json!({})).await?;
    let services = cluster.api::<Service>();
    when(&services, "orders-replicas", |_| true).await?;
    let patch = json!({"spec": {"selector": {"stanchion.dev/role": "primary"}}});
    services.patch("orders-replicas", &PatchParams::default(), &Patch::Merge(patch)).await?;
    when(&services, "orders-replicas", |service| {
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        selector.is_some_and(|selector| selector["stanchion.dev/role"] == "replica")
    })
    .await?;
    let object = cluster.clusters().get("orders").await?;
    ensure!(condition(&object, "Ready").is_some());
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_stops_nobody_else() -> Result<()> {
    let cluster = Cluster::start().await?;
    // As after a change of the schema: an object that the types of today cannot read.
    cluster.loosen().await?;
    cluster
        .create("broken", &json!({"instances": "three"}))
        .await
        .err()
        .context("the type cannot read it")?;
    cluster.create("strange", &json!({"instances": 40, "engine": {"version": "9"}})).await?;
    cluster.create("orders", &json!({})).await?;
    when(&cluster.api::<Pod>(), "orders-2", |_| true).await?;
    let told = cluster.condition("strange", "Ready", "Invalid").await?;
    ensure!(told.message.contains("40 is not within 1 and 9"), "{}", told.message);
    let events = cluster.api::<Event>();
    eventually("an Event", async || {
        let list = events.list(&ListParams::default().fields("reason=Malformed")).await?;
        Ok(list.items.iter().any(|event| event.involved_object.name.as_deref() == Some("broken")))
    })
    .await?;
    cluster.stop().await
}
