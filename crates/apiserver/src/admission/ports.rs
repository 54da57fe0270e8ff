//! Services: their ports on the nodes, those of health checks among them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use rand::RngExt as _;
use serde_json::json;
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, meta};

use super::Attempt;
use crate::api::Api;

/// Ports tried at random before all are looked at.
const TRIES: usize = 32;

/// Ports that may be given and those that are.
struct Pool {
    range: RangeInclusive<u16>,
    taken: BTreeSet<u16>,
}

/// Why a port cannot be given.
#[derive(Clone, Copy, Debug)]
enum Refused {
    Outside,
    Taken,
    Full,
}

impl Pool {
    /// Looks at the ports of every other Service.
    fn of(api: &Api, attempt: &Attempt<'_>, service: &Value) -> Self {
        let own = format!("{}/{}", attempt.key.namespace, meta::name(service));
        let others = api.cache.shard("services/specs").list("", "");
        let others = others.iter().filter(|entry| *entry.key != own);
        let taken = others.flat_map(|entry| held(&entry.object())).collect();
        Self { range: api.options.node_ports.clone(), taken }
    }

    fn take(&mut self, port: u16) -> Result<u16, Refused> {
        if !self.range.contains(&port) {
            return Err(Refused::Outside);
        }
        if self.taken.insert(port) { Ok(port) } else { Err(Refused::Taken) }
    }

    fn any(&mut self) -> Result<u16, Refused> {
        let (low, high) = (*self.range.start(), *self.range.end());
        // The lower part of a range is left to ports that are chosen by hand.
        let size = u32::from(high - low) + 1;
        let kept = u16::try_from(if size < 16 { 0 } else { (size / 32).clamp(16, 128).min(size / 2) });
        let from = low.saturating_add(kept.unwrap_or(0)).min(high);
        let mut random = rand::rng();
        let picked =
            (0..TRIES).map(|_| random.random_range(from..=high)).find(|port| !self.taken.contains(port));
        let found = picked.or_else(|| self.range.clone().find(|port| !self.taken.contains(port)));
        let port = found.ok_or(Refused::Full)?;
        self.taken.insert(port);
        Ok(port)
    }

    fn say(&self, refused: Refused) -> String {
        let (low, high) = (self.range.start(), self.range.end());
        match refused {
            Refused::Outside => {
                format!("provided port is not in the valid range. The range of valid ports is {low}-{high}")
            }
            Refused::Taken => "provided port is already allocated".to_owned(),
            Refused::Full => "range is full".to_owned(),
        }
    }
}

fn needs_check(service: &Value) -> bool {
    let text = |pointer: &str| service.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    text("/spec/type") == "LoadBalancer" && text("/spec/externalTrafficPolicy") == "Local"
}

fn number(value: &Value, pointer: &str) -> u16 {
    let given = value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    u16::try_from(given).unwrap_or(u16::MAX)
}

/// Returns the ports of the nodes that a Service has.
fn held(service: &Value) -> BTreeSet<u16> {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    let check = number(service, "/spec/healthCheckNodePort");
    ports.map(|port| number(port, "/nodePort")).chain([check]).filter(|port| *port != 0).collect()
}

/// Gives a load balancer that asks each node by itself a port for that; validation wants it to be there.
pub(super) fn choose_check(api: &Api, attempt: &Attempt<'_>, service: &mut Value) -> Result<(), Status> {
    if !needs_check(service) || number(service, "/spec/healthCheckNodePort") != 0 {
        return Ok(());
    }
    let mut pool = Pool::of(api, attempt, service);
    pool.taken.extend(held(service));
    let port = pool.any().map_err(|refused| {
        Status::internal(format!("failed to allocate a HealthCheck NodePort 0: {}", pool.say(refused)))
    })?;
    service["spec"]["healthCheckNodePort"] = json!(port);
    Ok(())
}

/// Gives ports on the nodes to the kinds of Services that have them.
pub(super) fn assign(api: &Api, attempt: &Attempt<'_>, service: &mut Value) -> Result<(), Status> {
    let kind = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or("").to_owned();
    let balanced = kind == "LoadBalancer"
        && service.pointer("/spec/allocateLoadBalancerNodePorts") != Some(&Value::Bool(false));
    let given = held(service);
    if !(kind == "NodePort" || balanced || kind == "LoadBalancer" && !given.is_empty()) {
        release(service);
        return Ok(());
    }
    let mut pool = Pool::of(api, attempt, service);
    if needs_check(service) {
        let check = number(service, "/spec/healthCheckNodePort");
        pool.take(check).map_err(|refused| {
            let why = pool.say(refused);
            Status::internal(format!("failed to allocate requested HealthCheck NodePort {check}: {why}"))
        })?;
    }
    let wants = kind == "NodePort" || balanced;
    let ports = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    let Some(ports) = ports else { return Ok(()) };
    give(&mut pool, ports, wants).map_err(|error| Status::invalid("", "Service", &attempt.key.name, &[error]))
}

/// Ports of one number and different protocols share their port on the nodes, unless they ask for different ones.
fn give(pool: &mut Pool, ports: &mut [Value], wants: bool) -> Result<(), FieldError> {
    let path = Path::new("spec").child("ports");
    let asked: Vec<(u16, u16)> =
        ports.iter().map(|port| (number(port, "/port"), number(port, "/nodePort"))).collect();
    let mut shared: Vec<(u16, u16)> = Vec::new();
    let mut own: BTreeSet<u16> = BTreeSet::new();
    for (index, port) in ports.iter_mut().enumerate() {
        let (target, given) = asked[index];
        let invalid = |pool: &Pool, refused| {
            let why = match refused {
                Refused::Full => format!("failed to allocate a nodePort: {}", pool.say(refused)),
                Refused::Outside | Refused::Taken => pool.say(refused),
            };
            FieldError::invalid(&path.index(index).child("nodePort"), given, why)
        };
        let known = shared.iter().find(|(of, _)| *of == target).map(|(_, port)| *port);
        let chosen = match (given, known) {
            (0, _) if !wants => continue,
            (0, Some(known)) => known,
            (0, None) => {
                let later = asked.iter().skip(index).find(|(of, given)| *of == target && *given != 0);
                match later {
                    Some((_, later)) => pool.take(*later).map_err(|refused| invalid(pool, refused))?,
                    None => pool.any().map_err(|refused| invalid(pool, refused))?,
                }
            }
            (given, _) if own.contains(&given) => given,
            (given, _) => pool.take(given).map_err(|refused| invalid(pool, refused))?,
        };
        own.insert(chosen);
        if known.is_none() {
            shared.push((target, chosen));
        }
        port["nodePort"] = json!(chosen);
    }
    Ok(())
}

fn release(service: &mut Value) {
    let ports = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        port.remove("nodePort");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(taken: &[u16]) -> Pool {
        Pool { range: 30_000..=30_003, taken: taken.iter().copied().collect() }
    }

    #[test]
    fn ports_are_shared_by_protocols_and_with_nobody_else() {
        let mut ports = vec![json!({"port": 53, "protocol": "UDP"}), json!({"port": 53, "nodePort": 30_001})];
        give(&mut pool(&[]), &mut ports, true).expect("both fit");
        assert_eq!((&ports[0]["nodePort"], &ports[1]["nodePort"]), (&json!(30_001), &json!(30_001)));
        let taken = give(&mut pool(&[30_001]), &mut [json!({"port": 1, "nodePort": 30_001})], true);
        assert!(taken.expect_err("is taken").to_string().contains("provided port is already allocated"));
        let outside = give(&mut pool(&[]), &mut [json!({"port": 1, "nodePort": 80})], true);
        assert!(
            outside.expect_err("is outside").to_string().contains("The range of valid ports is 30000-30003")
        );
        let full = pool(&[30_000, 30_001, 30_002, 30_003]).any();
        assert!(matches!(full, Err(Refused::Full)));
    }
}
