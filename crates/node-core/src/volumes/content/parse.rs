//! The content of a volume as a Pod describes it.

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, KeyToPath, ObjectFieldSelector, PodSpec, ServiceAccountTokenProjection,
    Volume as VolumeSource, VolumeProjection,
};

use super::{Content, Item, Kind, Part, TokenRequest, What};
use crate::volumes::{PathError, SafePath, VolumeError};

/// The permissions of files for which nothing else is said.
const DEFAULT_MODE: u32 = 0o644;
/// How long a token is good for which says nothing else, in seconds.
const TOKEN_SECONDS: i64 = 3600;

impl Content {
    /// Reads the content of a volume, if it is one that the node writes.
    pub(in crate::volumes) fn parse(
        source: &VolumeSource,
        spec: &PodSpec,
    ) -> Result<Option<Self>, VolumeError> {
        let wrong = |source_error| VolumeError::Path { volume: source.name.clone(), source: source_error };
        let (parts, mode) = if let Some(map) = &source.config_map {
            let part = keys(Kind::ConfigMap, &map.name, map.items.as_deref(), map.optional);
            (vec![part.map_err(wrong)?], map.default_mode)
        } else if let Some(secret) = &source.secret {
            let name = secret.secret_name.as_deref().unwrap_or_default();
            let part = keys(Kind::Secret, name, secret.items.as_deref(), secret.optional);
            (vec![part.map_err(wrong)?], secret.default_mode)
        } else if let Some(own) = &source.downward_api {
            (vec![downward_part(own.items.as_deref()).map_err(wrong)?], own.default_mode)
        } else if let Some(projected) = &source.projected {
            let parts = projected.sources.iter().flatten().map(|part| projection(&source.name, part));
            (parts.collect::<Result<_, _>>()?, projected.default_mode)
        } else {
            return Ok(None);
        };
        let group = spec.security_context.as_ref().and_then(|context| context.fs_group);
        let mode = bits(mode).unwrap_or(DEFAULT_MODE);
        Ok(Some(Self { parts, mode, user: common_user(spec), group }))
    }
}

fn bits(mode: Option<i32>) -> Option<u32> {
    mode.and_then(|mode| u32::try_from(mode).ok()).map(|mode| mode & 0o777)
}

fn keys(
    kind: Kind,
    name: &str,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
) -> Result<Part, PathError> {
    let items = items.filter(|items| !items.is_empty()).map(|items| {
        let items = items.iter().map(|item| {
            let path = SafePath::parse(&item.path)?;
            Ok(Item { key: item.key.clone(), path, mode: bits(item.mode) })
        });
        items.collect::<Result<_, _>>()
    });
    Ok(Part::Keys {
        kind,
        name: name.to_owned(),
        items: items.transpose()?,
        optional: optional == Some(true),
    })
}

fn downward_part(items: Option<&[DownwardAPIVolumeFile]>) -> Result<Part, PathError> {
    let mut files = Vec::new();
    for item in items.unwrap_or_default() {
        let what = match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), _) => What::Field(field.clone()),
            (None, Some(resource)) => What::Resource(resource.clone()),
            // The API refuses it; without a field it cannot be shown.
            (None, None) => What::Field(ObjectFieldSelector::default()),
        };
        files.push((what, SafePath::parse(&item.path)?, bits(item.mode)));
    }
    Ok(Part::Downward(files))
}

fn projection(volume: &str, source: &VolumeProjection) -> Result<Part, VolumeError> {
    let wrong = |source| VolumeError::Path { volume: volume.to_owned(), source };
    let unsupported = |kind| Err(VolumeError::Unsupported { volume: volume.to_owned(), kind });
    if let Some(map) = &source.config_map {
        keys(Kind::ConfigMap, &map.name, map.items.as_deref(), map.optional).map_err(wrong)
    } else if let Some(secret) = &source.secret {
        keys(Kind::Secret, &secret.name, secret.items.as_deref(), secret.optional).map_err(wrong)
    } else if let Some(own) = &source.downward_api {
        downward_part(own.items.as_deref()).map_err(wrong)
    } else if let Some(token) = &source.service_account_token {
        token_part(token).map_err(wrong)
    } else if source.cluster_trust_bundle.is_some() {
        unsupported("projected clusterTrustBundle")
    } else if source.pod_certificate.is_some() {
        unsupported("projected podCertificate")
    } else {
        unsupported("empty projected")
    }
}

fn token_part(token: &ServiceAccountTokenProjection) -> Result<Part, PathError> {
    let audience = token.audience.clone().filter(|audience| !audience.is_empty());
    let expiration_seconds = token.expiration_seconds.unwrap_or(TOKEN_SECONDS);
    let path = SafePath::parse(&token.path)?;
    Ok(Part::Token { request: TokenRequest { audience, expiration_seconds }, path })
}

/// Returns the user as whom all containers run, if it is one.
fn common_user(spec: &PodSpec) -> Option<i64> {
    let whole = spec.security_context.as_ref().and_then(|context| context.run_as_user);
    let all = spec.init_containers.iter().flatten().chain(&spec.containers);
    let mut users = all.map(|container| {
        container.security_context.as_ref().and_then(|context| context.run_as_user).or(whole)
    });
    let first = users.next().flatten()?;
    users.all(|user| user == Some(first)).then_some(first)
}
