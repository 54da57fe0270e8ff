//! Services: their cluster addresses.
//!
//! An address is taken by an `IPAddress` object of its name, created in the same transaction as the Service: two
//! Services cannot have one, whatever crashes and however many servers there are. Ports are taken in turns.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rand::RngExt as _;
use serde_json::json;
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::status::{Reason, Status};
use stanchion_machinery::{Value, meta};
use tokio::sync::Mutex;

use super::{Attempt, Reserved, ports};
use crate::api::Api;
use crate::storage::Write;
use crate::{clock, names};

/// Addresses tried at random before all are looked at.
const TRIES: usize = 32;

/// One allocation at a time.
#[derive(Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<()>>);

/// Gives a Service what it asks for and takes back what it no longer has.
pub(super) async fn reserve(
    api: &Api,
    attempt: &Attempt<'_>,
    new: Option<&mut Value>,
    old: Option<&Value>,
    reserved: &mut Reserved,
) -> Result<(), Status> {
    let turn = Arc::clone(&api.admission.addresses.0).lock_owned().await;
    api.cache.fresh().await?;
    let had = old.map(addresses).unwrap_or_default();
    let mut has = BTreeSet::new();
    if let Some(new) = new {
        if wants_address(new) {
            assign(api, attempt, new, &had, reserved).await?;
        } else if let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut)
            && spec.get("type").and_then(Value::as_str) == Some("ExternalName")
        {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        families(new);
        ports::assign(api, attempt, new)?;
        has = addresses(new);
    }
    for gone in had.difference(&has) {
        let place = format!("ipaddresses/{gone}");
        if let Some(stored) = api.storage.get(&place).await? {
            reserved.writes.push(Write::delete(place, stored.revision));
        }
    }
    if attempt.dry_run {
        reserved.writes.clear();
    }
    reserved.turns.push(turn);
    Ok(())
}

fn wants_address(service: &Value) -> bool {
    let kind = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP");
    let own = service.pointer("/spec/clusterIP").and_then(Value::as_str).unwrap_or("");
    kind != "ExternalName" && own != "None"
}

fn addresses(service: &Value) -> BTreeSet<Ipv4Addr> {
    let one = service.pointer("/spec/clusterIP").and_then(Value::as_str).and_then(|text| text.parse().ok());
    one.into_iter().collect()
}

async fn assign(
    api: &Api,
    attempt: &Attempt<'_>,
    service: &mut Value,
    had: &BTreeSet<Ipv4Addr>,
    reserved: &mut Reserved,
) -> Result<(), Status> {
    let range = api.options.service_range;
    let path = Path::new("spec").child("clusterIPs");
    let invalid = |error: FieldError| Status::invalid("", "Service", &attempt.key.name, &[error]);
    let wanted = service.pointer("/spec/clusterIP").and_then(Value::as_str).unwrap_or("").to_owned();
    let address = if wanted.is_empty() {
        free(api, range).ok_or_else(|| {
            let text = format!("failed to allocate a serviceIP: range {range} is full");
            Status::new(Reason::InternalError, text)
        })?
    } else {
        let given: Vec<Value> = vec![wanted.as_str().into()];
        let parsed: Option<Ipv4Addr> = wanted.parse().ok();
        match parsed {
            Some(address) if range.contains(address) => address,
            _ => {
                let why = format!(
                    "failed to allocate IP {wanted}: the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {range}"
                );
                return Err(invalid(FieldError::invalid(&path, given, why)));
            }
        }
    };
    service["spec"]["clusterIP"] = json!(address.to_string());
    service["spec"]["clusterIPs"] = json!([address.to_string()]);
    if had.contains(&address) {
        return Ok(());
    }
    let place = format!("ipaddresses/{address}");
    if api.storage.get(&place).await?.is_some() {
        let given: Vec<Value> = vec![wanted.as_str().into()];
        let why = format!("failed to allocate IP {address}: provided IP is already allocated");
        return Err(invalid(FieldError::invalid(&path, given, why)));
    }
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {
            "name": address.to_string(), "uid": names::uid(), "creationTimestamp": clock::now(),
            "labels": {
                "ipaddress.kubernetes.io/ip-family": "IPv4",
                "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
            },
        },
        "spec": {"parentRef": {
            "resource": "services", "namespace": attempt.key.namespace, "name": meta::name(service),
        }},
    });
    reserved.writes.push(Write::put(place, 0, &object));
    Ok(())
}

fn free(api: &Api, range: crate::options::ServiceRange) -> Option<Ipv4Addr> {
    let shard = api.cache.shard("ipaddresses");
    let is_free = |address: &Ipv4Addr| shard.get(&address.to_string()).is_none() && *address != range.first();
    let mut random = rand::rng();
    // The lower part of a range is left to addresses that are chosen by hand.
    let low = (range.size() / 16).clamp(1, 256).min(range.size());
    let picked = (0..TRIES).map(|_| range.address(random.random_range(low..=range.size()))).find(&is_free);
    picked.or_else(|| (1..=range.size()).map(|number| range.address(number)).find(&is_free))
}

/// Says of which family the addresses are, where the client does not: there is but one.
pub(super) fn families(service: &mut Value) {
    let kind = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP");
    let Some(spec) = service.get("spec").cloned() else { return };
    if kind == "ExternalName" {
        return;
    }
    if spec.get("ipFamilies").is_none_or(|families| families.as_array().is_none_or(Vec::is_empty)) {
        service["spec"]["ipFamilies"] = json!(["IPv4"]);
    }
    if spec.get("ipFamilyPolicy").is_none_or(Value::is_null) {
        service["spec"]["ipFamilyPolicy"] = json!("SingleStack");
    }
    if spec.get("clusterIP").and_then(Value::as_str) == Some("None") {
        service["spec"]["clusterIPs"] = json!(["None"]);
    }
}
