//! Names of images: `registry/path:tag@digest`.

use thiserror::Error;

/// The registry of names that name none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where names of one part are in the default registry.
const DEFAULT_PATH: &str = "library";
/// The longest tag.
const TAG_MAX: usize = 128;

/// A name that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "Failed to apply default image tag {name:?}: couldn't parse image name {name:?}: invalid reference format"
)]
pub struct ImageNameError {
    name: String,
}

/// The name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// The registry.
    pub registry: String,
    /// The path in the registry.
    pub path: String,
    /// The tag, if there is one.
    pub tag: Option<String>,
    /// The digest, if there is one.
    pub digest: Option<String>,
}

impl ImageName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, ImageNameError> {
        read(text).ok_or_else(|| ImageNameError { name: text.to_owned() })
    }

    /// Returns registry and path.
    pub fn full(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// Returns registry and path as people write them, without what goes without saying.
    pub fn short(&self) -> String {
        match self.registry.as_str() {
            DEFAULT_REGISTRY => {
                let path = self.path.strip_prefix(DEFAULT_PATH).and_then(|rest| rest.strip_prefix('/'));
                path.unwrap_or(&self.path).to_owned()
            }
            _ => self.full(),
        }
    }

    /// Returns the last part of the path.
    pub fn last(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

fn read(text: &str) -> Option<ImageName> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(Some(digest).filter(|digest| is_digest(digest))?.to_owned())),
        None => (text, None),
    };
    // A colon before the last slash belongs to the registry's port.
    let name_at = rest.rfind('/').map_or(0, |at| at + 1);
    let (rest, tag) = match rest[name_at..].split_once(':') {
        Some((last, tag)) => {
            (&rest[..name_at + last.len()], Some(Some(tag).filter(|tag| is_tag(tag))?.to_owned()))
        }
        None => (rest, None),
    };
    let (registry, path) = match rest.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first).filter(|first| is_registry(first))?, path.to_owned())
        }
        Some(_) => (DEFAULT_REGISTRY, rest.to_owned()),
        None => (DEFAULT_REGISTRY, format!("{DEFAULT_PATH}/{rest}")),
    };
    path.split('/').all(is_part).then(|| ImageName { registry: registry.to_owned(), path, tag, digest })
}

fn is_registry(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label) && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// A part has lower-case letters and digits, and separators between them: `.`, `_`, `__` or dashes.
fn is_part(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends =
        bytes.first().is_some_and(|byte| is_word(*byte)) && bytes.last().is_some_and(|byte| is_word(*byte));
    let separators = part.split(|char: char| char.is_ascii_lowercase() || char.is_ascii_digit());
    let known = |separator: &str| {
        matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
    };
    ends && separators.into_iter().all(known)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG_MAX
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
