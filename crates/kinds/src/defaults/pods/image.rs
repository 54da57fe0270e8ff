//! Which pull policy follows from the name of an image.

/// Returns `Always` for an image with the tag `latest`, said or implied, and `IfNotPresent` for every other.
///
/// A name that cannot be read has no tag.
pub(super) fn pull_policy(image: &str) -> &'static str {
    if is_latest(image) { "Always" } else { "IfNotPresent" }
}

fn is_latest(image: &str) -> bool {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return false;
    }
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last..].rfind(':') {
        Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
        None => (rest, None),
    };
    // Without a digest no tag means the newest.
    let latest = match tag {
        Some(tag) => tag == "latest",
        None => digest.is_none(),
    };
    latest && is_repository(name)
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn is_repository(name: &str) -> bool {
    // An identifier of an image is no name.
    if name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return false;
    }
    let path = match name.split_once('/') {
        Some((host, path)) if is_host(host) => {
            if !host.split(['.', ':', '[', ']']).all(is_host_part) {
                return false;
            }
            path
        }
        Some(_) | None => name,
    };
    path.split('/').all(is_path_part)
}

/// Tells the name of a registry from the first part of a path.
fn is_host(text: &str) -> bool {
    text == "localhost" || text.contains(['.', ':']) || text.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_host_part(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Lower case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_path_part(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
    let bytes = text.as_bytes();
    let ends = bytes.first().copied().is_some_and(is_word) && bytes.last().copied().is_some_and(is_word);
    ends && bytes
        .split(|b| is_word(*b))
        .all(|between| matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|b| *b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn the_tag_decides() {
        let sha = "a".repeat(64);
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("registry.example:5000/team/app", "Always"),
            ("registry.example:5000/team/app:v1", "IfNotPresent"),
            ("Registry.example/team/app", "Always"),
            (&format!("nginx@sha256:{sha}"), "IfNotPresent"),
            (&format!("nginx:latest@sha256:{sha}"), "Always"),
            ("nginx@sha256:short", "IfNotPresent"),
            ("a/Nginx", "IfNotPresent"),
            ("Nginx", "IfNotPresent"),
            ("a__b/c--d/e.f", "Always"),
            ("a___b", "IfNotPresent"),
            ("nginx:", "IfNotPresent"),
            ("", "IfNotPresent"),
            (" nginx", "IfNotPresent"),
            (&sha, "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image:?}");
        }
    }
}
