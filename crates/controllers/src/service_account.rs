//! Gives namespaces back what they had from their beginning on: the service account `default`, and the certificate of the
//! authority that Pods trust the API by.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use stanchion_informers::{Change, Key, Next, Queue, work};

use crate::Controller;
use crate::calls::CallError;
use crate::cluster::{CERTIFICATE, Cluster};
use crate::writes;

/// Namespaces looked at at a time.
const AT_ONCE: usize = 5;
const ACCOUNT: &str = "default";
const FILE: &str = "ca.crt";
const DESCRIPTION: &str = "kubernetes.io/description";

/// Adds the handlers of the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let queue: Queue<Key> = Queue::default();
    let changed = queue.clone();
    cluster.namespaces.on_change(move |change| changed.add(Key::of(&**change.object())));
    let changed = queue.clone();
    cluster.accounts.on_change(move |change| {
        if let Change::Deleted(account) = change
            && account.metadata.name.as_deref() == Some(ACCOUNT)
        {
            changed.add(Key::cluster(account.metadata.namespace.clone().unwrap_or_default()));
        }
    });
    let changed = queue.clone();
    cluster.certificates.on_change(move |change| {
        changed.add(Key::cluster(change.object().metadata.namespace.clone().unwrap_or_default()));
    });
    let (stop, cluster) = (cluster.stop.clone(), Arc::clone(cluster));
    let look = move |key| reconcile(Arc::clone(&cluster), key);
    Box::pin(work("serviceaccount", queue, AT_ONCE, look, stop))
}

async fn reconcile(cluster: Arc<Cluster>, key: Key) -> Result<Next, CallError> {
    let Some(namespace) = cluster.namespaces.get(&key) else { return Ok(Next::Change) };
    if namespace.metadata.deletion_timestamp.is_some() {
        return Ok(Next::Change);
    }
    if cluster.accounts.get(&Key::new(&key.name, ACCOUNT)).is_none() {
        let account = ServiceAccount { metadata: meta(&key.name, ACCOUNT), ..ServiceAccount::default() };
        settled(cluster.create(&account).await)?;
    }
    let own = cluster.certificates.get(&Key::new(&key.name, CERTIFICATE));
    if let Some(authority) = authority(&cluster.certificates.list()) {
        match certificate(&key.name, own.as_deref(), authority) {
            None => {}
            Some(Repair::Create(certificate)) => settled(cluster.create(&certificate).await)?,
            Some(Repair::Update(certificate)) => {
                let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &key.name);
                settled(writes::replace(&api, &certificate).await)?;
            }
        }
    }
    Ok(Next::Change)
}

/// Takes for success that another was faster, or that the namespace goes.
fn settled<T>(written: Result<T, CallError>) -> Result<(), CallError> {
    match written {
        Err(error)
            if !error.is_already_exists() && !error.is_not_found() && !error.is_namespace_terminating() =>
        {
            Err(error)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn meta(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta { namespace: Some(namespace.to_owned()), name: Some(name.to_owned()), ..ObjectMeta::default() }
}

/// A certificate that is to be written.
#[derive(Clone, Debug, PartialEq)]
enum Repair {
    Create(ConfigMap),
    Update(ConfigMap),
}

/// Returns the certificate of the authority: that of `kube-system`, or else the one that most namespaces have.
fn authority(certificates: &[Arc<ConfigMap>]) -> Option<String> {
    let file = |certificate: &ConfigMap| certificate.data.as_ref()?.get(FILE).cloned();
    let system = certificates.iter().find(|it| it.metadata.namespace.as_deref() == Some("kube-system"));
    if let Some(authority) = system.and_then(|it| file(it)) {
        return Some(authority);
    }
    let files: Vec<String> = certificates.iter().filter_map(|it| file(it)).collect();
    let count = |wanted: &String| files.iter().filter(|file| *file == wanted).count();
    files.iter().max_by_key(|file| count(file)).cloned()
}

fn certificate(namespace: &str, own: Option<&ConfigMap>, authority: String) -> Option<Repair> {
    let data = [(FILE.to_owned(), authority)].into();
    match own {
        Some(own) if own.data.as_ref() == Some(&data) => None,
        Some(own) => {
            let mut new = own.clone();
            new.data = Some(data);
            Some(Repair::Update(new))
        }
        None => {
            let mut metadata = meta(namespace, CERTIFICATE);
            let text = "The certificate of the authority that clients in the cluster trust the API by.";
            metadata.annotations = Some([(DESCRIPTION.to_owned(), text.to_owned())].into());
            Some(Repair::Create(ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(namespace: &str, authority: &str) -> Arc<ConfigMap> {
        let data = [(FILE.to_owned(), authority.to_owned())].into();
        Arc::new(ConfigMap {
            metadata: meta(namespace, CERTIFICATE),
            data: Some(data),
            ..ConfigMap::default()
        })
    }

    #[test]
    fn copies_are_made_from_others() {
        let copies = [copy("a", "odd"), copy("b", "right"), copy("c", "right")];
        assert_eq!(authority(&copies).as_deref(), Some("right"));
        assert_eq!(
            authority(&[copy("a", "odd"), copy("kube-system", "right"), copy("b", "odd")]).as_deref(),
            Some("right")
        );
        assert_eq!(authority(&[]), None);
        assert_eq!(certificate("a", Some(&copies[1]), "right".to_owned()), None);
        let Some(Repair::Update(mended)) = certificate("a", Some(&copies[0]), "right".to_owned()) else {
            panic!("left")
        };
        assert_eq!(mended.data, copies[1].data);
        let Some(Repair::Create(made)) = certificate("d", None, "right".to_owned()) else {
            panic!("missing")
        };
        assert_eq!((made.metadata.namespace.as_deref(), made.data), (Some("d"), copies[1].data.clone()));
    }
}
