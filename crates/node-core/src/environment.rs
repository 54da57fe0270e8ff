//! The environment and the command line of a container.
//!
//! ```text
//! envFrom, in order --> env, in order, may refer to what stands before it --> services where nothing has the name
//! ```

mod expand;
mod services;
mod sources;

pub use expand::{expand, expand_known};
pub use services::service_variables;
pub use sources::{SourceError, Sources, Values};

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVarSource, Pod};
use thiserror::Error;

use crate::downward::{self, DownwardError, Place, Surroundings};

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// An environment that cannot be made; the container waits with `CreateContainerConfigError`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnvironmentError {
    /// A config map or secret, or a key of it, is missing.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What a variable refers to cannot be shown.
    #[error("variable {name}")]
    Downward {
        /// The variable.
        name: String,
        /// What is wrong.
        #[source]
        source: DownwardError,
    },
    /// A variable comes from something that is not supported.
    #[error("variable {name}: {what} is not supported")]
    Unsupported {
        /// The variable.
        name: String,
        /// From what.
        what: &'static str,
    },
}

/// What the environment of a container is made from.
#[derive(Clone, Copy, Debug)]
pub struct Ingredients<'a> {
    /// Its Pod.
    pub pod: &'a Pod,
    /// What the Pod learns from its node.
    pub surroundings: &'a Surroundings<'a>,
    /// The config maps and secrets of its namespace.
    pub sources: &'a Sources,
    /// The variables about services.
    pub services: &'a Variables,
}

/// An environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The variables.
    pub variables: Variables,
    /// Keys of config maps and secrets that cannot be names, in words for Events (`InvalidEnvironmentVariableNames`).
    pub skipped: Vec<String>,
}

impl Environment {
    /// Makes the environment of a container.
    pub fn of(container: &Container, from: &Ingredients<'_>) -> Result<Self, EnvironmentError> {
        let mut environment = Self::default();
        for source in container.env_from.iter().flatten() {
            environment.take(source, from.sources)?;
        }
        for variable in container.env.iter().flatten() {
            let value = match (variable.value.as_deref(), &variable.value_from) {
                (Some(value), _) if !value.is_empty() => {
                    Some(expand(value, &[&environment.variables, from.services]))
                }
                (_, Some(source)) => value_from(&variable.name, source, container, from)?,
                (_, None) => Some(String::new()),
            };
            environment.variables.extend(value.map(|value| (variable.name.clone(), value)));
        }
        for (name, value) in from.services {
            environment.variables.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Ok(environment)
    }

    /// Takes in all keys of a config map or secret.
    fn take(&mut self, source: &EnvFromSource, sources: &Sources) -> Result<(), EnvironmentError> {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        let found = if let Some(map) = &source.config_map_ref {
            let found = sources.config_map(&map.name, map.optional == Some(true))?;
            found.map(|values| (format!("ConfigMap {}", map.name), sources::texts(values)))
        } else if let Some(secret) = &source.secret_ref {
            let found = sources.secret(&secret.name, secret.optional == Some(true))?;
            found.map(|values| (format!("Secret {}", secret.name), sources::texts(values)))
        } else {
            None
        };
        let Some((origin, values)) = found else { return Ok(()) };
        let mut wrong = Vec::new();
        for (key, value) in values {
            let name = format!("{prefix}{key}");
            if is_name(&name) {
                self.variables.insert(name, value);
            } else {
                wrong.push(name);
            }
        }
        if !wrong.is_empty() {
            self.skipped.push(format!(
                "Keys [{}] from the EnvFrom {origin} were skipped since they are considered invalid \
                 environment variable names.",
                wrong.join(", ")
            ));
        }
        Ok(())
    }

    /// Returns a command or arguments with references to the environment filled in.
    pub fn fill(&self, words: Option<&Vec<String>>) -> Vec<String> {
        words.into_iter().flatten().map(|word| expand(word, &[&self.variables])).collect()
    }
}

/// A name is any printable ASCII without an equals sign.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=')
}

/// Finds the value of a variable; none where the source is optional and missing.
fn value_from(
    name: &str,
    source: &EnvVarSource,
    container: &Container,
    from: &Ingredients<'_>,
) -> Result<Option<String>, EnvironmentError> {
    let shown = if let Some(field) = &source.field_ref {
        downward::field(from.pod, field, Place::Environment, from.surroundings)
    } else if let Some(resource) = &source.resource_field_ref {
        downward::resource(from.pod, Some(container), resource, from.surroundings)
    } else if let Some(key) = &source.config_map_key_ref {
        return Ok(from.sources.config_map_key(&key.name, &key.key, key.optional == Some(true))?);
    } else if let Some(key) = &source.secret_key_ref {
        return Ok(from.sources.secret_key(&key.name, &key.key, key.optional == Some(true))?);
    } else {
        let what = if source.file_key_ref.is_some() { "fileKeyRef" } else { "an empty valueFrom" };
        return Err(EnvironmentError::Unsupported { name: name.to_owned(), what });
    };
    let shown = shown.map_err(|source| EnvironmentError::Downward { name: name.to_owned(), source })?;
    Ok(Some(shown))
}

#[cfg(test)]
mod tests;
