//! Config maps and secrets as a Pod sees them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use thiserror::Error;

/// The values of a config map or secret by key.
pub type Values = BTreeMap<String, Vec<u8>>;

/// What a Pod refers to and is not there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SourceError {
    /// There is no such config map.
    #[error("configmap {0:?} not found")]
    ConfigMap(String),
    /// There is no such secret.
    #[error("secret {0:?} not found")]
    Secret(String),
    /// A config map or secret lacks a key.
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    Key {
        /// The key.
        key: String,
        /// `ConfigMap` or `Secret`.
        kind: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// The config maps and secrets of one namespace that its Pods refer to.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    namespace: String,
    config_maps: BTreeMap<String, Values>,
    secrets: BTreeMap<String, Values>,
}

impl Sources {
    /// Makes it for a namespace, without any.
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..Self::default() }
    }

    /// Adds a config map.
    pub fn add_config_map(&mut self, map: &ConfigMap) {
        let texts = map.data.iter().flatten().map(|(key, text)| (key.clone(), text.clone().into_bytes()));
        let bytes = map.binary_data.iter().flatten().map(|(key, bytes)| (key.clone(), bytes.0.clone()));
        let name = map.metadata.name.clone().unwrap_or_default();
        self.config_maps.insert(name, texts.chain(bytes).collect());
    }

    /// Adds a secret.
    pub fn add_secret(&mut self, secret: &Secret) {
        let values = secret.data.iter().flatten().map(|(key, bytes)| (key.clone(), bytes.0.clone()));
        let name = secret.metadata.name.clone().unwrap_or_default();
        self.secrets.insert(name, values.collect());
    }

    /// Returns the values of a config map; none if it is optional and missing.
    pub fn config_map(&self, name: &str, optional: bool) -> Result<Option<&Values>, SourceError> {
        let missing = || SourceError::ConfigMap(name.to_owned());
        optional_or(self.config_maps.get(name), optional, missing)
    }

    /// Returns the values of a secret; none if it is optional and missing.
    pub fn secret(&self, name: &str, optional: bool) -> Result<Option<&Values>, SourceError> {
        optional_or(self.secrets.get(name), optional, || SourceError::Secret(name.to_owned()))
    }

    /// Returns a value of a config map as text; none if it is optional and missing.
    pub fn config_map_key(
        &self,
        name: &str,
        key: &str,
        optional: bool,
    ) -> Result<Option<String>, SourceError> {
        self.key(self.config_map(name, optional)?, "ConfigMap", name, key, optional)
    }

    /// Returns a value of a secret as text; none if it is optional and missing.
    pub fn secret_key(&self, name: &str, key: &str, optional: bool) -> Result<Option<String>, SourceError> {
        self.key(self.secret(name, optional)?, "Secret", name, key, optional)
    }

    fn key(
        &self,
        values: Option<&Values>,
        kind: &'static str,
        name: &str,
        key: &str,
        optional: bool,
    ) -> Result<Option<String>, SourceError> {
        let Some(values) = values else { return Ok(None) };
        let missing = || self.missing_key(kind, name, key);
        Ok(optional_or(values.get(key), optional, missing)?.map(|bytes| text(bytes)))
    }

    /// Words that a key is missing.
    pub(crate) fn missing_key(&self, kind: &'static str, name: &str, key: &str) -> SourceError {
        let (key, namespace, name) = (key.to_owned(), self.namespace.clone(), name.to_owned());
        SourceError::Key { key, kind, namespace, name }
    }
}

fn optional_or<T>(
    found: Option<T>,
    optional: bool,
    missing: impl FnOnce() -> SourceError,
) -> Result<Option<T>, SourceError> {
    match found {
        Some(found) => Ok(Some(found)),
        None if optional => Ok(None),
        None => Err(missing()),
    }
}

/// Returns values as texts.
pub(super) fn texts(values: &Values) -> impl Iterator<Item = (String, String)> {
    values.iter().map(|(key, bytes)| (key.clone(), text(bytes)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
