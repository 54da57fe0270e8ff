//! `OpenAPI` v3: an index with hashes, and a document for each group-version.
//!
//! A document is made when somebody asks for it and kept compressed; its hash says when it is to be made anew.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use parking_lot::Mutex;
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};
use stanchion_kinds::table::{Access, Kind, Subresource};
use stanchion_machinery::status::{Reason, Status};
use stanchion_openapi::{CustomDoc, ResourceDoc, SubresourceDoc};

use crate::api::Api;
use crate::catalog::{Group, GroupVersion};
use crate::http::Reply;
use crate::resource::Resource;

/// Documents that are kept.
const KEPT: usize = 128;

/// Documents by path, each with the hash it was made for.
#[derive(Debug, Default)]
pub(crate) struct Documents(Mutex<HashMap<String, (String, Bytes)>>);

/// How long a document may be kept by clients that asked for it by its hash.
const KEPT_BY_CLIENTS: Duration = Duration::from_hours(365 * 24);

/// What a client says about the document it wants.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// The version it asks for, empty for the newest.
    pub(crate) hash: &'a str,
    /// The versions it has.
    pub(crate) known: &'a str,
    /// Whether it takes compressed answers.
    pub(crate) gzip: bool,
    /// Whether it takes JSON.
    pub(crate) json: bool,
}

/// Answers the index, or a document.
pub(crate) fn answer(api: &Api, path: &str, wanted: &Wanted<'_>) -> Option<Reply> {
    match path.strip_prefix("/openapi/v3/") {
        None => Some(index(api, wanted)),
        Some(path) => document(api, path, wanted),
    }
}

/// Answers the document of Swagger 2.0, which names nothing: clients that do without it find the kinds in v3.
///
/// kubectl reads it, in the form of gnostic's protobuf, before it sends lists or kinds that v3 does not know.
pub(crate) fn swagger(accept: &str) -> Reply {
    const TITLE: &str = "Kubernetes";
    if accept.contains("proto-openapi.spec.v2") {
        let version = crate::discovery::VERSION.2;
        let text = |tag: u8, text: &[u8]| {
            let length = u8::try_from(text.len()).expect("the constants are short");
            [&[tag << 3 | 2, length], text].concat()
        };
        let info = [text(1, TITLE.as_bytes()), text(2, version.as_bytes())].concat();
        let document = [text(1, b"2.0"), text(2, &info), text(8, b"")].concat();
        return Reply::new(200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", document);
    }
    let info = json!({"title": TITLE, "version": crate::discovery::VERSION.2});
    Reply::json(200, json!({"swagger": "2.0", "info": info, "paths": {}, "definitions": {}}).to_string())
}

fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

fn index(api: &Api, wanted: &Wanted<'_>) -> Reply {
    let mut paths = Map::new();
    for group in api.catalog.groups() {
        for version in &group.versions {
            let path = root(&group.name, &version.version);
            let hash = api.catalog.tag(Some(&group.name));
            paths.insert(
                path.clone(),
                json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")}),
            );
        }
    }
    let text = json!({ "paths": paths }).to_string();
    let digest = Sha256::digest(&text);
    let tag = URL_SAFE_NO_PAD.encode(&digest[..16]);
    Reply::json(200, text).tagged(&tag, wanted.known)
}

fn document(api: &Api, path: &str, wanted: &Wanted<'_>) -> Option<Reply> {
    let groups = api.catalog.groups();
    let (group, version) = groups.iter().find_map(|group| {
        let version = group.versions.iter().find(|version| root(&group.name, &version.version) == path)?;
        Some((group, version))
    })?;
    if !wanted.json {
        let text = "only the following media types are accepted: application/json";
        return Some(Status::new(Reason::NotAcceptable, text).into());
    }
    let hash = api.catalog.tag(Some(&group.name));
    if !wanted.hash.is_empty() && wanted.hash != hash {
        let newest = format!("/openapi/v3/{path}?hash={hash}");
        return Some(Reply::text(301, "").with("location", newest).with("vary", "Accept"));
    }
    let mut kept = api.documents.0.lock();
    let compressed = match kept.get(path) {
        Some((of, bytes)) if *of == hash => bytes.clone(),
        _ => {
            let bytes = compress(&make(group, version));
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(path.to_owned(), (hash.clone(), bytes.clone()));
            bytes
        }
    };
    drop(kept);
    let reply = if wanted.gzip {
        Reply::json(200, compressed).with("content-encoding", "gzip")
    } else {
        Reply::json(200, plain(&compressed))
    };
    let reply = reply.with("vary", "Accept, Accept-Encoding").tagged(&hash, wanted.known);
    if wanted.hash.is_empty() {
        return Some(reply);
    }
    let expires = httpdate::fmt_http_date(SystemTime::now() + KEPT_BY_CLIENTS);
    Some(reply.with("cache-control", "public, immutable").with("expires", expires))
}

fn plain(compressed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    match GzDecoder::new(compressed).read_to_end(&mut text) {
        Ok(_) => text,
        Err(_) => Vec::new(),
    }
}

fn compress(document: &serde_json::Value) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let text = document.to_string();
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default().into()
}

fn make(group: &Group, version: &GroupVersion) -> serde_json::Value {
    let built_in: Vec<&'static Kind> = version
        .resources
        .iter()
        .filter_map(|resource| match resource {
            Resource::BuiltIn(kind) => Some(*kind),
            Resource::Custom(_) => None,
        })
        .collect();
    if built_in.is_empty() {
        return custom(group, version);
    }
    let parts: Vec<Vec<SubresourceDoc<'static>>> = built_in.iter().map(|kind| subresources(kind)).collect();
    let resources: Vec<ResourceDoc<'_>> = built_in
        .iter()
        .zip(&parts)
        .map(|(kind, parts)| ResourceDoc {
            plural: kind.plural,
            kind: kind.kind,
            type_name: kind.type_name,
            namespaced: kind.namespaced,
            verbs: match kind.access {
                Access::Stored => {
                    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
                }
                Access::Review => &["create"],
                Access::ReadOnly => &["get", "list"],
            },
            subresources: parts,
        })
        .collect();
    stanchion_openapi::document(&group.name, &version.version, &resources)
}

fn subresources(kind: &'static Kind) -> Vec<SubresourceDoc<'static>> {
    let streams = |sub: &Subresource| {
        matches!(
            sub,
            Subresource::Log
                | Subresource::Exec
                | Subresource::Attach
                | Subresource::PortForward
                | Subresource::NodeProxy
                | Subresource::PodProxy
                | Subresource::ServiceProxy
        )
    };
    kind.subresources
        .iter()
        .map(|sub| {
            let own = (kind.group, kind.version, kind.kind);
            let (group, version, name) = sub.wire().unwrap_or(own);
            let type_name = match stanchion_kinds::table::kind(group, version, name) {
                _ if streams(sub) => "",
                Some(row) => row.type_name,
                None => match sub {
                    Subresource::Scale => "io.k8s.api.autoscaling.v1.Scale",
                    Subresource::Eviction => "io.k8s.api.policy.v1.Eviction",
                    Subresource::Token => "io.k8s.api.authentication.v1.TokenRequest",
                    _ => "",
                },
            };
            SubresourceDoc { name: sub.as_str(), group, version, kind: name, type_name, verbs: sub.verbs() }
        })
        .collect()
}

fn custom(group: &Group, version: &GroupVersion) -> serde_json::Value {
    let resources: Vec<CustomDoc<'_>> = version
        .resources
        .iter()
        .filter_map(|resource| match resource {
            Resource::BuiltIn(_) => None,
            Resource::Custom(custom) => Some(CustomDoc {
                plural: &custom.names.plural,
                kind: &custom.names.kind,
                list_kind: &custom.names.list_kind,
                namespaced: custom.namespaced,
                schema: Some(&custom.published),
                status: custom.has_status,
                scale: custom.scale.is_some(),
            }),
        })
        .collect();
    stanchion_openapi::custom_document(&group.name, &version.version, &resources)
}
