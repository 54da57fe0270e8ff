//! Kinds that the API keeps and no controller here acts upon: whoever looks at such an object is told so in an Event.

use std::sync::Arc;

use futures_util::future::{self, BoxFuture, FutureExt};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::ReplicationController;
use kube::Api;
use kube::runtime::watcher;
use stanchion_informers::{Change, Informer};

use crate::Controller;
use crate::calls::Object;
use crate::cluster::Cluster;
use crate::events::Events;

/// Registers the controller.
pub(crate) fn register(cluster: &Arc<Cluster>) -> Controller {
    let events = cluster.events("stanchion-controllers");
    let kinds = [
        tell_of::<CronJob>(cluster, &events),
        tell_of::<DaemonSet>(cluster, &events),
        tell_of::<HorizontalPodAutoscaler>(cluster, &events),
        tell_of::<ReplicationController>(cluster, &events),
    ];
    future::join_all(kinds).map(drop).boxed()
}

/// Tells of every object of a kind, once.
fn tell_of<K: Object>(cluster: &Cluster, events: &Events) -> BoxFuture<'static, ()> {
    let (informer, events) = (Informer::<K>::default(), events.clone());
    informer.on_change(move |change| {
        if let Change::Added(object) = change {
            let message = format!("Nothing acts upon a {} here: there is no controller for it", K::kind(&()));
            events.warning(&**object, "NoController", message);
        }
    });
    let (api, stop) = (Api::<K>::all(cluster.client.clone()), cluster.stop.clone());
    informer.run(api, watcher::Config::default(), stop).boxed()
}
