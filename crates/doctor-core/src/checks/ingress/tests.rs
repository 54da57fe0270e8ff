use serde_json::{Value, json};

use super::is_nginx;
use crate::checks::given::{ago, found};
use crate::severity::Severity;

fn controller() -> Value {
    json!({"kind": "Pod", "metadata": {"name": "c", "namespace": "ingress", "creationTimestamp": ago(9_000),
        "ownerReferences": [{"kind": "DaemonSet", "name": "nginx", "controller": true}]},
        "spec": {"nodeName": "n", "containers": [{"name": "controller", "image": "registry.k8s.io/ingress-nginx/controller:v1.12.1@sha256:ab"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn class(controller: &str) -> Value {
    json!({"kind": "IngressClass", "metadata": {"name": "nginx"}, "spec": {"controller": controller}})
}

fn ingress(annotations: &Value) -> Value {
    json!({"kind": "Ingress", "metadata": {"name": "web", "namespace": "a", "annotations": annotations}, "spec": {"ingressClassName": "nginx"}})
}

fn checks(objects: &[Value]) -> Vec<(&'static str, Severity, String)> {
    found(objects)
        .into_iter()
        .map(|finding| (finding.check, finding.severity, finding.subject.to_string()))
        .collect()
}

#[test]
fn images_of_ingress_nginx_are_known() {
    for image in [
        "registry.k8s.io/ingress-nginx/controller:v1.9.0",
        "mirror:5000/ingress-nginx/controller",
        "k8s.gcr.io/ingress-nginx/controller-chroot:v1",
        "quay.io/kubernetes-ingress-controller/nginx-ingress-controller:0.33.0",
    ] {
        assert!(is_nginx(image), "{image}");
    }
    for image in [
        "nginx:1.27",
        "nginx/nginx-ingress:4.0",
        "registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1",
        "docker.io/bitnami/nginx-ingress-controller:1",
    ] {
        assert!(!is_nginx(image), "{image}");
    }
}

#[test]
fn it_is_retired_and_limits_nobody() {
    let retired = ("ingress/retired", Severity::Warning, "DaemonSet ingress/nginx".to_owned());
    let unlimited = ("ingress/limits", Severity::Info, "IngressClass nginx".to_owned());
    let of_nginx = class("k8s.io/ingress-nginx");
    assert_eq!(checks(&[controller(), of_nginx.clone(), ingress(&json!({}))]), [retired.clone(), unlimited]);
    let limits = json!({"nginx.ingress.kubernetes.io/limit-rps": "50"});
    assert_eq!(checks(&[controller(), of_nginx.clone(), ingress(&limits)]), std::slice::from_ref(&retired));
    assert_eq!(checks(&[controller(), class("example.com/other"), ingress(&json!({}))]), [retired]);
    assert_eq!(checks(&[of_nginx, ingress(&json!({}))]), [], "nobody serves it");
}
