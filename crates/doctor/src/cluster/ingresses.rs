//! Ingresses and who serves them.

use kube::Client;
use stanchion_doctor_core::{Ingress, IngressClass};

use super::page::{PageError, list};

const INGRESSES: &str = "/apis/networking.k8s.io/v1/ingresses";
const CLASSES: &str = "/apis/networking.k8s.io/v1/ingressclasses";

/// Reads both; an API that has no such kinds has none of them.
pub(super) async fn read(
    client: &Client,
    ingresses: &mut Vec<Ingress>,
    classes: &mut Vec<IngressClass>,
) -> Result<(), PageError> {
    let both = async {
        list(client, INGRESSES, "", None, |one| ingresses.push(one)).await?;
        list(client, CLASSES, "", None, |one| classes.push(one)).await
    };
    match both.await {
        Err(error) if error.is_absent() => Ok(()),
        done => done,
    }
}
