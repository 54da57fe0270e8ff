//! What types and fields are for, from the schemas of `k8s-openapi`.
//!
//! A schema there brings the schemas of all types it refers to, so naming the kinds is enough.

use k8s_openapi::api::{
    apps::v1 as apps, authentication::v1 as authentication, authorization::v1 as authorization,
    autoscaling::v1 as autoscaling, autoscaling::v2 as autoscaling2, batch::v1 as batch,
    coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery, events::v1 as events,
    networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac, scheduling::v1 as scheduling,
    storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

type Add = fn(&mut SchemaGenerator);

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// The kinds of each package, by the start of the names of its types.
const PACKAGES: &[(&str, &[Add])] = &[
    (
        "io.k8s.api.apps.v1",
        &[
            add::<apps::ControllerRevision>,
            add::<apps::DaemonSet>,
            add::<apps::Deployment>,
            add::<apps::ReplicaSet>,
            add::<apps::StatefulSet>,
        ],
    ),
    (
        "io.k8s.api.authentication.v1",
        &[
            add::<authentication::SelfSubjectReview>,
            add::<authentication::TokenRequest>,
            add::<authentication::TokenReview>,
        ],
    ),
    (
        "io.k8s.api.authorization.v1",
        &[
            add::<authorization::LocalSubjectAccessReview>,
            add::<authorization::SelfSubjectAccessReview>,
            add::<authorization::SelfSubjectRulesReview>,
            add::<authorization::SubjectAccessReview>,
        ],
    ),
    ("io.k8s.api.autoscaling.v1", &[add::<autoscaling::HorizontalPodAutoscaler>, add::<autoscaling::Scale>]),
    ("io.k8s.api.autoscaling.v2", &[add::<autoscaling2::HorizontalPodAutoscaler>]),
    ("io.k8s.api.batch.v1", &[add::<batch::CronJob>, add::<batch::Job>]),
    ("io.k8s.api.coordination.v1", &[add::<coordination::Lease>]),
    (
        "io.k8s.api.core.v1",
        &[
            add::<core::Binding>,
            add::<core::ComponentStatus>,
            add::<core::ConfigMap>,
            add::<core::Endpoints>,
            add::<core::Event>,
            add::<core::LimitRange>,
            add::<core::Namespace>,
            add::<core::Node>,
            add::<core::PersistentVolume>,
            add::<core::PersistentVolumeClaim>,
            add::<core::Pod>,
            add::<core::PodTemplate>,
            add::<core::ReplicationController>,
            add::<core::ResourceQuota>,
            add::<core::Secret>,
            add::<core::Service>,
            add::<core::ServiceAccount>,
        ],
    ),
    ("io.k8s.api.discovery.v1", &[add::<discovery::EndpointSlice>]),
    ("io.k8s.api.events.v1", &[add::<events::Event>]),
    (
        "io.k8s.api.networking.v1",
        &[
            add::<networking::IPAddress>,
            add::<networking::Ingress>,
            add::<networking::IngressClass>,
            add::<networking::NetworkPolicy>,
            add::<networking::ServiceCIDR>,
        ],
    ),
    ("io.k8s.api.policy.v1", &[add::<policy::Eviction>, add::<policy::PodDisruptionBudget>]),
    (
        "io.k8s.api.rbac.v1",
        &[
            add::<rbac::ClusterRole>,
            add::<rbac::ClusterRoleBinding>,
            add::<rbac::Role>,
            add::<rbac::RoleBinding>,
        ],
    ),
    ("io.k8s.api.scheduling.v1", &[add::<scheduling::PriorityClass>]),
    (
        "io.k8s.api.storage.v1",
        &[
            add::<storage::CSIDriver>,
            add::<storage::CSINode>,
            add::<storage::CSIStorageCapacity>,
            add::<storage::StorageClass>,
            add::<storage::VolumeAttachment>,
            add::<storage::VolumeAttributesClass>,
        ],
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
        &[add::<apiextensions::CustomResourceDefinition>],
    ),
    (
        "io.k8s.apimachinery.pkg.apis.meta.v1",
        &[
            add::<meta::APIResourceList>,
            add::<meta::DeleteOptions>,
            add::<meta::ListMeta>,
            add::<meta::ObjectMeta>,
            add::<meta::Patch>,
            add::<meta::Status>,
        ],
    ),
];

/// The schemas of `k8s-openapi` that were asked for so far, and all that those refer to.
#[derive(Debug, Default)]
pub(crate) struct Words {
    known: Map<String, Value>,
    asked: Vec<&'static str>,
}

impl Words {
    /// Returns the schema of a type by its published name.
    pub(crate) fn of(&mut self, name: &str) -> Option<&Map<String, Value>> {
        let (own, _) = name.rsplit_once('.')?;
        self.ask(name, |package| package == own);
        // Some types are used by kinds of other packages only.
        self.ask(name, |_| own.starts_with("io.k8s."));
        self.known.get(name)?.as_object()
    }

    /// Asks for the kinds of these packages, unless the name is known already.
    fn ask(&mut self, name: &str, wanted: impl Fn(&str) -> bool) {
        for (package, kinds) in PACKAGES {
            if !self.known.contains_key(name) && wanted(package) && !self.asked.contains(package) {
                self.asked.push(package);
                self.generate(kinds);
            }
        }
    }

    fn generate(&mut self, kinds: &[Add]) {
        let mut generator = SchemaSettings::openapi3().into_generator();
        for add in kinds {
            add(&mut generator);
        }
        self.known.extend(generator.take_definitions(false));
    }
}
