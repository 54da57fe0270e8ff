//! kube-rs as a client of a cluster, and what tests make with it.

use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Resource;
use kube::{Api, Client, Config, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cluster::Cluster;

/// Connects as one who may do everything.
pub(crate) async fn client(cluster: &Cluster) -> Client {
    Client::try_from(config(cluster).await).expect("the configuration makes a client")
}

/// Reads the kubeconfig of a cluster.
pub(crate) async fn config(cluster: &Cluster) -> Config {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).expect("the kubeconfig can be read");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.expect("the kubeconfig makes a configuration");
    config.connect_timeout = Some(Duration::from_secs(2));
    // A test says itself what is to be repeated.
    config.default_retry = false;
    config
}

/// Makes an object of its JSON.
pub(crate) fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("the JSON is of the type")
}

/// Makes a namespace, and returns the objects of a type in it.
pub(crate) async fn namespaced<K>(client: &Client, name: &str) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope>,
    K::DynamicType: Default,
{
    let namespaces: Api<Namespace> = Api::all(client.clone());
    make(&namespaces, json!({"metadata": {"name": name}})).await;
    Api::namespaced(client.clone(), name)
}

/// Creates an object, which has to succeed.
pub(crate) async fn make<K>(api: &Api<K>, value: Value) -> K
where
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let created = api.create(&PostParams::default(), &object(value)).await;
    created.expect("the object is created")
}

/// Returns the code and the reason of an answer that refuses, and panics if there is none.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Error>) -> (u16, String) {
    match answer {
        Err(Error::Api(status)) => (status.code, status.reason),
        other => panic!("not refused: {other:?}"),
    }
}

/// Returns whether the server answered at all.
pub(crate) fn answered(error: &Error) -> bool {
    matches!(error, Error::Api(_))
}

/// Returns the revision of an object.
#[track_caller]
pub(crate) fn revision<K: kube::ResourceExt>(object: &K) -> i64 {
    let version = object.resource_version().expect("the object has a version");
    version.parse().expect("a version is a number")
}
