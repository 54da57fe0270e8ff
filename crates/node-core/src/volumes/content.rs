//! Files that the node writes: config maps, secrets, what a Pod learns of itself, and tokens.

mod parse;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ObjectFieldSelector, Pod, ResourceFieldSelector};
use thiserror::Error;

use super::{PathError, SafePath};
use crate::downward::{self, DownwardError, Place, Surroundings};
use crate::environment::{SourceError, Sources, Values};

/// The permissions of a token whose reader is known.
const OWNED_TOKEN_MODE: u32 = 0o600;

/// A token that the shell has to ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenRequest {
    /// For whom; the API server itself where nobody is named.
    pub audience: Option<String>,
    /// How long it is good for, in seconds. It is renewed after 80 % of that.
    pub expiration_seconds: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    key: String,
    path: SafePath,
    mode: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Field(ObjectFieldSelector),
    Resource(ResourceFieldSelector),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ConfigMap,
    Secret,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Keys { kind: Kind, name: String, items: Option<Vec<Item>>, optional: bool },
    Downward(Vec<(What, SafePath, Option<u32>)>),
    Token { request: TokenRequest, path: SafePath },
}

/// What stands in a volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    parts: Vec<Part>,
    mode: u32,
    /// The user whom tokens belong to: that of all containers, if it is one.
    user: Option<i64>,
    /// The group whom tokens belong to.
    group: Option<i64>,
}

// The selectors hold no floats, so equality is total.
impl Eq for Content {}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where, below the volume's root.
    pub path: SafePath,
    /// What stands in it.
    pub bytes: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    /// Its owner, if it is not the node's own user.
    pub user: Option<i64>,
}

/// Content that cannot be made yet; the Pod waits.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContentError {
    /// A config map or secret, or a key of it, is missing.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A key of a config map or secret cannot be a file name.
    #[error("key {key:?}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong.
        #[source]
        source: PathError,
    },
    /// A field or resource cannot be shown.
    #[error("file {path}")]
    Downward {
        /// The file.
        path: SafePath,
        /// What is wrong.
        #[source]
        source: DownwardError,
    },
    /// A token has not been asked for, or not been given.
    #[error("there is no token for file {0}")]
    Token(SafePath),
}

/// What content is made from.
#[derive(Clone, Copy, Debug)]
pub struct Ingredients<'a> {
    /// The Pod.
    pub pod: &'a Pod,
    /// What the Pod learns from its node.
    pub surroundings: &'a Surroundings<'a>,
    /// The config maps and secrets of its namespace.
    pub sources: &'a Sources,
    /// The tokens that were asked for.
    pub tokens: &'a BTreeMap<TokenRequest, String>,
}

impl Content {
    /// Returns the tokens to ask for.
    pub fn tokens(&self) -> impl Iterator<Item = &TokenRequest> {
        self.parts.iter().filter_map(|part| match part {
            Part::Token { request, .. } => Some(request),
            Part::Keys { .. } | Part::Downward(_) => None,
        })
    }

    /// Returns the names of the config maps and of the secrets it is made from.
    pub fn references(&self) -> (Vec<&str>, Vec<&str>) {
        let of = |wanted: Kind| {
            let names = self.parts.iter().filter_map(move |part| match part {
                Part::Keys { kind, name, .. } if *kind == wanted => Some(name.as_str()),
                Part::Keys { .. } | Part::Downward(_) | Part::Token { .. } => None,
            });
            names.collect()
        };
        (of(Kind::ConfigMap), of(Kind::Secret))
    }

    /// Makes the files, in the order of their paths. Where two have the same path, the later one stands.
    pub fn files(&self, from: &Ingredients<'_>) -> Result<Vec<File>, ContentError> {
        let mut files = BTreeMap::new();
        for part in &self.parts {
            for file in self.files_of(part, from)? {
                files.insert(file.path.clone(), file);
            }
        }
        Ok(files.into_values().collect())
    }

    fn files_of(&self, part: &Part, from: &Ingredients<'_>) -> Result<Vec<File>, ContentError> {
        let file = |path: &SafePath, bytes: Vec<u8>, mode: Option<u32>| File {
            path: path.clone(),
            bytes,
            mode: mode.unwrap_or(self.mode),
            user: None,
        };
        match part {
            Part::Keys { kind, name, items, optional } => {
                let values = match kind {
                    Kind::ConfigMap => from.sources.config_map(name, *optional)?,
                    Kind::Secret => from.sources.secret(name, *optional)?,
                };
                let Some(values) = values else { return Ok(Vec::new()) };
                let items = match items {
                    Some(items) => chosen(
                        items,
                        values,
                        |key| match kind {
                            Kind::ConfigMap => from.sources.missing_key("ConfigMap", name, key),
                            Kind::Secret => from.sources.missing_key("Secret", name, key),
                        },
                        *optional,
                    )?,
                    None => all(values)?,
                };
                Ok(items.iter().map(|(item, bytes)| file(&item.path, bytes.to_vec(), item.mode)).collect())
            }
            Part::Downward(items) => {
                let files = items.iter().map(|(what, path, mode)| {
                    let text = show(what, from)
                        .map_err(|source| ContentError::Downward { path: path.clone(), source })?;
                    Ok(file(path, text.into_bytes(), *mode))
                });
                files.collect()
            }
            Part::Token { request, path } => {
                let token = from.tokens.get(request).ok_or_else(|| ContentError::Token(path.clone()))?;
                let owned = self.user.is_some() || self.group.is_some();
                let mode = owned.then_some(OWNED_TOKEN_MODE);
                Ok(vec![File { user: self.user, ..file(path, token.clone().into_bytes(), mode) }])
            }
        }
    }
}

fn show(what: &What, from: &Ingredients<'_>) -> Result<String, DownwardError> {
    match what {
        What::Field(field) => downward::field(from.pod, field, Place::File, from.surroundings),
        What::Resource(resource) => downward::resource(from.pod, None, resource, from.surroundings),
    }
}

/// Picks the values that items name.
fn chosen<'a>(
    items: &[Item],
    values: &'a Values,
    missing: impl Fn(&str) -> SourceError,
    optional: bool,
) -> Result<Vec<(Item, &'a [u8])>, SourceError> {
    let mut found = Vec::new();
    for item in items {
        match values.get(&item.key) {
            Some(bytes) => found.push((item.clone(), bytes.as_slice())),
            None if optional => {}
            None => return Err(missing(&item.key)),
        }
    }
    Ok(found)
}

/// Takes all values, each in the file that has the name of its key.
fn all(values: &Values) -> Result<Vec<(Item, &[u8])>, ContentError> {
    let files = values.iter().map(|(key, bytes)| {
        let path = SafePath::parse(key).map_err(|source| ContentError::Key { key: key.clone(), source })?;
        Ok((Item { key: key.clone(), path, mode: None }, bytes.as_slice()))
    });
    files.collect()
}
