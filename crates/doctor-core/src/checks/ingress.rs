//! Ways into the cluster.

pub(super) mod limits;
pub(super) mod retired;

use crate::facts::Facts;
use crate::facts::kube::pods::PodGroup;

/// Returns the Pods of ingress-nginx, by their image: under whatever registry it is mirrored.
fn nginx(facts: &Facts) -> impl Iterator<Item = &PodGroup> {
    facts
        .kube
        .pods
        .groups()
        .iter()
        .filter(|group| group.template.containers.iter().any(|one| is_nginx(&one.image)))
}

/// Returns whether an image is the controller of ingress-nginx.
fn is_nginx(image: &str) -> bool {
    let name = image.split('@').next().unwrap_or(image);
    let path = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => path,
        _ => name,
    };
    let path = format!("/{path}");
    ["/ingress-nginx/controller", "/ingress-nginx/controller-chroot", "/nginx-ingress-controller"]
        .iter()
        .any(|known| path.ends_with(known))
        && !path.contains("/bitnami")
        && !path.contains("/nginx/nginx-ingress")
}

#[cfg(test)]
mod tests;
