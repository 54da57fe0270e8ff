//! What all parts of one node share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node as NodeObject, Service};
use kube::Client;
use parking_lot::Mutex;
use stanchion_informers::{Informer, Key};
use stanchion_node_core::capacity::Amounts;
use stanchion_node_core::images::Table;
use stanchion_node_core::names::Resolver;
use stanchion_node_core::shutdown::Shutdown;
use stanchion_sandbox::Runtime;
use tokio::sync::watch;

use crate::addresses::Addresses;
use crate::events::Events;
use crate::follow::Follower;
use crate::options::Options;
use crate::pods::View;

/// What all parts of one node share.
pub(crate) struct Node {
    pub(crate) options: Options,
    pub(crate) client: Client,
    pub(crate) runtime: Runtime,
    pub(crate) events: Events,
    pub(crate) addresses: Addresses,
    /// The Services of the cluster, for the variables of containers.
    pub(crate) services: Informer<Service>,
    /// Follows what volumes are made from.
    pub(crate) follower: Follower,
    /// The object of this node, for its labels.
    pub(crate) own: Informer<NodeObject>,
    /// What Pods may use of the machine.
    pub(crate) allocatable: Amounts,
    /// The memory of the machine in bytes.
    pub(crate) memory: i64,
    /// Which programs images stand for.
    pub(crate) images: Table,
    /// The machine's own resolv.conf.
    pub(crate) resolver: Resolver,
    /// How far the end of all Pods is.
    pub(crate) shutdown: watch::Sender<Shutdown>,
    /// What each Pod's task shows of it, for logs and commands.
    pub(crate) views: Mutex<HashMap<Key, Arc<View>>>,
}

impl Node {
    /// Returns the addresses of the node as Pods show them.
    pub(crate) fn host_ips(&self) -> Vec<String> {
        vec![self.options.address.to_string()]
    }

    /// Returns the directory of a Pod.
    pub(crate) fn pod_dir(&self, uid: &str) -> PathBuf {
        self.options.state.join("pods").join(uid)
    }

    /// Returns the directory of the logs of all Pods.
    pub(crate) fn logs(&self) -> PathBuf {
        self.options.state.join("logs")
    }

    /// Returns what is shown of a Pod.
    pub(crate) fn view(&self, namespace: &str, name: &str) -> Option<Arc<View>> {
        self.views.lock().get(&Key::new(namespace, name)).cloned()
    }
}
