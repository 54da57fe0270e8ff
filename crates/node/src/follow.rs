//! Follows the config maps and secrets that volumes are made from, each one once however many Pods have it.
//!
//! Who subscribes is woken after each change, and also soon after it has subscribed: what has changed between its look
//! and the first look of the follower is not missed. An object that nobody subscribes to any more is not followed.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Weak};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use stanchion_informers::Informer;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// What can be followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Topic {
    ConfigMap { namespace: String, name: String },
    Secret { namespace: String, name: String },
}

type Subscribers = Arc<Mutex<Vec<Weak<Notify>>>>;

/// An object that is followed for as long as this value lives.
struct Entry {
    subscribers: Subscribers,
    _stop: DropGuard,
}

/// Follows objects for the Pods of a node.
pub(crate) struct Follower {
    client: Client,
    entries: Mutex<HashMap<Topic, Entry>>,
    tasks: TaskTracker,
}

impl Follower {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, entries: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// Wakes a Pod after each change of what it is made from; `before` are its topics so far.
    pub(crate) fn subscribe(&self, topics: &BTreeSet<Topic>, before: &BTreeSet<Topic>, who: &Arc<Notify>) {
        let mut entries = self.entries.lock();
        for topic in topics.difference(before) {
            // A follower that is new here tells by itself what it finds first.
            let known = entries.contains_key(topic);
            let entry = entries.entry(topic.clone()).or_insert_with(|| self.follow(topic));
            if known {
                who.notify_one();
            }
            entry.subscribers.lock().push(Arc::downgrade(who));
        }
        for topic in before.difference(topics) {
            if let Some(entry) = entries.get(topic) {
                entry.subscribers.lock().retain(|other| !other.ptr_eq(&Arc::downgrade(who)));
            }
        }
        entries.retain(|_, entry| entry.subscribers.lock().iter().any(|who| who.strong_count() > 0));
    }

    /// Ends all that is followed.
    pub(crate) async fn end(&self) {
        self.entries.lock().clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn follow(&self, topic: &Topic) -> Entry {
        let (subscribers, stop) = (Subscribers::default(), CancellationToken::new());
        match topic {
            Topic::ConfigMap { namespace, name } => {
                let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
                self.run(api, name, &subscribers, &stop);
            }
            Topic::Secret { namespace, name } => {
                let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
                self.run(api, name, &subscribers, &stop);
            }
        }
        Entry { subscribers, _stop: stop.drop_guard() }
    }

    fn run<K>(&self, api: Api<K>, name: &str, subscribers: &Subscribers, stop: &CancellationToken)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let (informer, told) = (Informer::default(), Arc::clone(subscribers));
        informer.on_change(move |_| {
            told.lock().retain(|who| {
                let who = who.upgrade();
                if let Some(who) = &who {
                    who.notify_one();
                }
                who.is_some()
            });
        });
        let one = watcher::Config::default().fields(&format!("metadata.name={name}"));
        self.tasks.spawn(informer.run(api, one, stop.clone()));
    }
}
