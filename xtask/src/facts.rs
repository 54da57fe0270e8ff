//! `facts`: makes the table of facts about the built-in kinds from the published schema and message numbers.
//!
//! The schema is the JSON schema that the Python package `kubernetes-validate` carries for a minor version, with
//! Kubernetes' own extensions; the numbers of the protobuf fields come from the sources of the crate `k8s-pb`.
//! Both are read from directories (`scripts/facts.sh` fetches them). Only facts go into the table (names, types,
//! numbers, merge keys, defaults), no descriptions. The grammar is that of `stanchion-machinery::facts`.

mod messages;
mod presence;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use messages::Messages;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/// Groups (as in the names of types) and versions whose kinds are served.
const SERVED: &[(&str, &str)] = &[
    ("apps", "v1"),
    ("authentication.k8s.io", "v1"),
    ("authorization.k8s.io", "v1"),
    ("autoscaling", "v1"),
    ("autoscaling", "v2"),
    ("batch", "v1"),
    ("coordination.k8s.io", "v1"),
    ("", "v1"),
    ("discovery.k8s.io", "v1"),
    ("events.k8s.io", "v1"),
    ("networking.k8s.io", "v1"),
    ("policy", "v1"),
    ("rbac.authorization.k8s.io", "v1"),
    ("scheduling.k8s.io", "v1"),
    ("storage.k8s.io", "v1"),
    ("apiextensions.k8s.io", "v1"),
];

/// Fields newer than the crate with the messages, with their published numbers.
const NEWER_NUMBERS: &[(&str, &str, &str)] = &[
    ("io.k8s.api.core.v1.ImageVolumeStatus", "imageRef", "1"),
    ("io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus", "containers", "2"),
    ("io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus", "resourceClaimName", "1"),
    ("io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus", "resources", "3"),
    ("io.k8s.api.core.v1.PodSchedulingGroup", "podGroupName", "1"),
    ("io.k8s.api.core.v1.PodSpec", "schedulingGroup", "43"),
    ("io.k8s.api.core.v1.PodStatus", "nodeAllocatableResourceClaimStatuses", "21"),
    ("io.k8s.api.core.v1.ResourceHealth", "message", "6"),
    ("io.k8s.api.core.v1.VolumeMountStatus", "volumeStatus", "5"),
    ("io.k8s.api.core.v1.VolumeStatus", "image", "1"),
    ("io.k8s.api.storage.v1.CSIDriverSpec", "preventPodSchedulingIfMissing", "11"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta", "shardInfo", "5"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo", "selector", "1"),
];

/// Defaults that the schema of apply relies on and the JSON schema leaves out: parts of keys of lists.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("io.k8s.api.core.v1.ContainerPort", "protocol", "\"TCP\""),
    ("io.k8s.api.core.v1.ServicePort", "protocol", "\"TCP\""),
];

/// Makes the table from the definitions of one minor version and the sources of the messages.
pub(crate) fn table(definitions: &Path, messages: &Path) -> Result<String> {
    let text =
        fs::read_to_string(definitions).with_context(|| format!("reading {}", definitions.display()))?;
    let root: Value =
        serde_json::from_str(&text).with_context(|| format!("parsing {}", definitions.display()))?;
    let Some(types) = root.get("$defs").and_then(Value::as_object) else {
        bail!("{} has no $defs", definitions.display())
    };
    let messages = Messages::read(messages)?;
    let mut todo: BTreeSet<String> =
        types.iter().filter(|(_, t)| is_served(t)).map(|(n, _)| n.clone()).collect();
    todo.insert(format!("{META}DeleteOptions"));
    let mut done = BTreeMap::new();
    while let Some(name) = todo.pop_first() {
        let described = types.get(&name).with_context(|| format!("{name} is referred to, not defined"))?;
        let (text, used) = describe(&name, described, &messages)?;
        done.insert(name, text);
        todo.extend(used.into_iter().filter(|n| !done.contains_key(n)));
    }
    let mut table =
        String::from("# Made by `cargo xtask facts`; see crates/machinery/src/facts.rs for the grammar.\n");
    for text in done.values() {
        table.push_str(text);
    }
    Ok(table)
}

fn is_served(described: &Value) -> bool {
    let gvks = described["x-kubernetes-group-version-kind"].as_array();
    gvks.into_iter().flatten().any(|gvk| {
        let (group, version) = (gvk["group"].as_str().unwrap_or(""), gvk["version"].as_str().unwrap_or(""));
        let kind = gvk["kind"].as_str().unwrap_or("");
        let generic = ["WatchEvent", "DeleteOptions", "APIGroup", "APIVersions", "APIResourceList"];
        SERVED.contains(&(group, version)) && !kind.ends_with("List") && !generic.contains(&kind)
    })
}

fn describe(name: &str, described: &Value, messages: &Messages) -> Result<(String, BTreeSet<String>)> {
    let mut used = BTreeSet::new();
    let Some(properties) = described.get("properties").and_then(Value::as_object) else {
        return Ok((format!("type {name} any\n"), used));
    };
    let atomic = if described["x-kubernetes-map-type"] == "atomic" { " atomic" } else { "" };
    let mut text = format!("type {name}{atomic}\n");
    let required: BTreeSet<&str> =
        described["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (field, schema) in properties {
        let kind = kind_of(schema, &mut used).with_context(|| format!("{name}.{field}"))?;
        let newer =
            NEWER_NUMBERS.iter().find(|(t, f, _)| *t == name && f == field).map(|(_, _, n)| (*n).to_owned());
        let number = newer.unwrap_or_else(|| messages.number(name, field));
        write!(text, "  {field} {number} {kind}").expect("writing to a string");
        if required.contains(field.as_str()) {
            text.push_str(" required");
        }
        let is_scalar = matches!(kind.as_str(), "bool" | "int32" | "int64" | "double" | "string" | "bytes");
        let presence = presence::flag(name, field, is_scalar && required.contains(field.as_str()));
        if let Some(flag) = presence.filter(|_| number != "0" && (is_scalar || kind.starts_with('='))) {
            write!(text, " {flag}").expect("writing to a string");
        }
        flags(schema, &mut text);
        if let Some((_, _, json)) = DEFAULTS.iter().find(|(t, f, _)| *t == name && f == field) {
            write!(text, " default={json}").expect("writing to a string");
        }
        text.push('\n');
    }
    Ok((text, used))
}

fn flags(schema: &Value, text: &mut String) {
    let keys =
        schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => text.push_str(" list=set"),
        Some("map") => {
            text.push_str(" list=map:");
            text.push_str(&keys.collect::<Vec<_>>().join(","));
        }
        _ => {}
    }
    if schema["x-kubernetes-map-type"] == "atomic" {
        text.push_str(" atomic");
    }
    if let Some(strategy) = schema["x-kubernetes-patch-strategy"].as_str() {
        text.push_str(" patch=");
        text.push_str(strategy);
        if let Some(key) = schema["x-kubernetes-patch-merge-key"].as_str() {
            text.push(':');
            text.push_str(key);
        }
    }
}

fn kind_of(schema: &Value, used: &mut BTreeSet<String>) -> Result<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/$defs/");
        let special = match name.rsplit('.').next().unwrap_or("") {
            "Quantity" => Some("quantity"),
            "IntOrString" => Some("intOrString"),
            "Time" if name.starts_with(META) => Some("time"),
            "MicroTime" => Some("microTime"),
            _ => None,
        };
        return Ok(special.map_or_else(
            || {
                used.insert(name.to_owned());
                format!("={name}")
            },
            str::to_owned,
        ));
    }
    let word = match &schema["type"] {
        Value::String(word) => Some(word.as_str()),
        Value::Array(words) => words.iter().filter_map(Value::as_str).find(|w| *w != "null"),
        _ => None,
    };
    Ok(match (word, schema["format"].as_str()) {
        (Some("string"), Some("byte")) => "bytes".to_owned(),
        (Some("string"), _) => "string".to_owned(),
        (Some("boolean"), _) => "bool".to_owned(),
        (Some("integer"), Some("int32")) => "int32".to_owned(),
        (Some("integer"), _) => "int64".to_owned(),
        (Some("number"), _) => "double".to_owned(),
        (Some("array"), _) => format!("[]{}", kind_of(&schema["items"], used)?),
        (Some("object"), _) if schema["additionalProperties"].is_object() => {
            format!("{{}}{}", kind_of(&schema["additionalProperties"], used)?)
        }
        (Some("object") | None, _) => "any".to_owned(),
        (Some(other), _) => bail!("unknown type {other}"),
    })
}
