//! Single calls of kube-rs: apply, status, eviction, and what a cluster without nodes refuses.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, EvictParams, ListParams, LogParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::support::clients::{client, config, make, namespaced, object, refusal};
use crate::support::cluster::Cluster;
use crate::support::within;

fn deployment(replicas: u32, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    })
}

fn pod(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "image"}]},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn managers_apply_their_fields() {
    within(
        Duration::from_mins(1),
        Box::pin(async {
            let cluster = Cluster::start().await;
            let deployments: Api<Deployment> = namespaced(&client(&cluster).await, "calls").await;
            let apply = |manager: &str, body: Value| {
                let (deployments, params) = (deployments.clone(), PatchParams::apply(manager));
                async move { deployments.patch("web", &params, &Patch::Apply(body)).await }
            };
            let made = apply("one", deployment(1, "a")).await.expect("it can be applied");
            let again = apply("one", deployment(1, "a")).await.expect("it can be applied");
            assert_eq!(made.resource_version(), again.resource_version(), "nothing changed");
            let mut scale = deployment(5, "a");
            scale["spec"] = json!({"replicas": 5});
            let conflict = apply("two", scale.clone()).await;
            let Err(kube::Error::Api(conflict)) = conflict else { panic!("{conflict:?}") };
            let text = "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas";
            assert_eq!((conflict.code, conflict.message.as_str()), (409, text));
            let mut without = deployment(1, "b");
            without["spec"].as_object_mut().expect("an object").remove("replicas");
            apply("one", without).await.expect("it can be applied");
            let scaled = apply("two", scale).await.expect("nobody else owns it");
            let spec = scaled.spec.expect("a spec");
            assert_eq!(spec.replicas, Some(5));
            let containers = spec.template.spec.expect("a spec").containers;
            assert_eq!(containers[0].image.as_deref(), Some("b"));
            let managers: Vec<Option<String>> =
                scaled.metadata.managed_fields.into_iter().flatten().map(|entry| entry.manager).collect();
            assert_eq!(managers, [Some("one".to_owned()), Some("two".to_owned())]);

            let status =
                Patch::Merge(json!({"status": {"replicas": 5, "readyReplicas": 2}, "spec": {"replicas": 9}}));
            let patched = deployments.patch_status("web", &PatchParams::default(), &status).await;
            let patched = patched.expect("the status can be patched");
            assert_eq!(patched.spec.and_then(|spec| spec.replicas), Some(5));
            assert_eq!(patched.status.and_then(|status| status.ready_replicas), Some(2));
            let mut replaced = deployments.get_status("web").await.expect("it has a status");
            replaced.status.get_or_insert_default().ready_replicas = Some(3);
            let replaced = deployments.replace_status("web", &PostParams::default(), &replaced).await;
            assert_eq!(
                replaced.expect("it can be replaced").status.and_then(|status| status.ready_replicas),
                Some(3)
            );

            let names = |list: kube::core::ObjectList<Deployment>| {
                list.iter().map(ResourceExt::name_any).collect::<Vec<_>>()
            };
            let chosen = deployments.list(&ListParams::default().fields("metadata.name=web")).await;
            assert_eq!(names(chosen.expect("it can be listed")), ["web"]);
            let metadata = deployments.get_metadata("web").await.expect("it has metadata");
            assert_eq!(metadata.name_any(), "web");
            let dry = PostParams { dry_run: true, ..PostParams::default() };
            let refused = deployments.create(&dry, &object(deployment(1, "a"))).await;
            assert_eq!(refusal(refused), (409, "AlreadyExists".to_owned()));
        }),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evictions_ask_budgets_and_pods_without_node_have_no_output() {
    within(Duration::from_mins(1), Box::pin(async {
        let cluster = Cluster::start().await;
        let client = client(&cluster).await;
        let pods: Api<Pod> = namespaced(&client, "calls").await;
        for name in ["a", "b", "c"] {
            make(&pods, pod(name)).await;
        }
        let logs = pods.logs("a", &LogParams::default()).await;
        assert_eq!(logs.expect("an empty answer"), "");
        let exec = http::Request::post("/api/v1/namespaces/calls/pods/a/exec?command=ls&stdout=true").body(Vec::new());
        let exec = client.request_text(exec.expect("a request can be made")).await;
        assert_eq!(refusal(exec).0, 400);

        // Pending Pods are not what a budget protects.
        pods.evict("a", &EvictParams::default()).await.expect("it can be evicted");
        assert_eq!(refusal(pods.get("a").await).0, 404);
        let budgets: Api<PodDisruptionBudget> = Api::namespaced(client.clone(), "calls");
        let budget = json!({"metadata": {"name": "budget"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
        let budget = make(&budgets, budget).await;
        let running = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        for name in ["b", "c"] {
            let patch = Patch::Strategic(&running);
            pods.patch_status(name, &PatchParams::default(), &patch).await.expect("the status can be patched");
        }
        let status = json!({"status": {
            "observedGeneration": budget.metadata.generation, "disruptionsAllowed": 1,
            "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2,
        }});
        let patch = Patch::Merge(status);
        budgets.patch_status("budget", &PatchParams::default(), &patch).await.expect("the status can be patched");
        pods.evict("b", &EvictParams::default()).await.expect("one may go");
        assert_eq!(refusal(pods.evict("c", &EvictParams::default()).await), (429, "TooManyRequests".to_owned()));
        assert!(pods.get_opt("c").await.expect("it can be read").is_some());
        pods.delete("c", &DeleteParams::default()).await.expect("a deletion asks no budget");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_may_what_its_roles_say() {
    within(Duration::from_mins(1), Box::pin(async {
        let cluster = Cluster::start().await;
        let admin = client(&cluster).await;
        let accounts: Api<ServiceAccount> = namespaced(&admin, "accounts").await;
        make(&accounts, json!({"metadata": {"name": "reader"}})).await;
        let request: TokenRequest = object(json!({"spec": {"expirationSeconds": 600, "audiences": []}}));
        let token = accounts.create_token_request("reader", &PostParams::default(), &request).await;
        let token = token.expect("a token can be asked for").status.and_then(|status| status.token);
        let token = token.expect("it is issued");

        let mut config = config(&cluster).await;
        config.auth_info = kube::config::AuthInfo { token: Some(token.into()), ..Default::default() };
        let pods: Api<Pod> = Api::namespaced(Client::try_from(config).expect("a client"), "accounts");
        assert_eq!(refusal(pods.list(&ListParams::default()).await), (403, "Forbidden".to_owned()));
        let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]);
        let allowed: Api<Role> = Api::namespaced(admin.clone(), "accounts");
        make(&allowed, json!({"metadata": {"name": "read"}, "rules": rules})).await;
        let bindings: Api<RoleBinding> = Api::namespaced(admin, "accounts");
        let binding = json!({
            "metadata": {"name": "read"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "read"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "accounts"}],
        });
        make(&bindings, binding).await;
        crate::support::wait_for("the role does not count", async || pods.list(&ListParams::default()).await.ok()).await;
        let refused = pods.create(&PostParams::default(), &object(pod("a"))).await;
        let Err(kube::Error::Api(refused)) = refused else { panic!("{refused:?}") };
        let text = "pods is forbidden: User \"system:serviceaccount:accounts:reader\" cannot create resource \"pods\" \
                    in API group \"\" in the namespace \"accounts\"";
        assert_eq!(refused.message, text);
        accounts.delete("reader", &DeleteParams::default()).await.expect("it can be deleted");
        crate::support::wait_for("the token outlives its account", async || {
            pods.list(&ListParams::default()).await.err().map(|error| refusal::<()>(Err(error))).filter(|found| found.0 == 401)
        })
        .await;
    }))
    .await;
}
