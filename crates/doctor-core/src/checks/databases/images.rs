//! Databases by the names of their images.

use super::engines::{ALL, Engine};

/// Words that stand beside that of a database in the names of its own images.
const BESIDE: &[&str] = &[
    "alpine",
    "amd",
    "apache",
    "arm",
    "bookworm",
    "bullseye",
    "centos",
    "cluster",
    "community",
    "cp",
    "crunchy",
    "db",
    "database",
    "debian",
    "el",
    "enterprise",
    "galera",
    "gis",
    "ha",
    "jammy",
    "kraft",
    "lts",
    "native",
    "noble",
    "oss",
    "patroni",
    "pg",
    "replicaset",
    "repmgr",
    "rhel",
    "server",
    "slim",
    "stack",
    "standalone",
    "ubi",
    "ubuntu",
    "v",
];

/// Returns the database of which this is the image.
pub(super) fn engine(image: &str) -> Option<&'static Engine> {
    let mut found = None;
    for word in words(name(image)) {
        match ALL.iter().find(|engine| has(engine.words, word)) {
            // Of `percona-server-mongodb` the last is meant.
            Some(engine) => found = Some(engine),
            None if has(BESIDE, word) => {}
            None => return None,
        }
    }
    found
}

/// Returns who manages the database in an image that brings its manager with it.
pub(super) fn manager(image: &str) -> Option<&'static str> {
    words(name(image)).any(|word| has(&["patroni", "spilo"], word)).then_some("Patroni")
}

/// Returns the name of an image: the last part of its repository.
fn name(image: &str) -> &str {
    let repository = image.split('@').next().unwrap_or(image);
    let last = repository.rsplit('/').next().unwrap_or(repository);
    last.split(':').next().unwrap_or(last)
}

/// Returns the words of a name without the numbers at their ends; those that are only numbers are gone.
pub(super) fn words(name: &str) -> impl Iterator<Item = &str> {
    // A word that has a digit within it, as those of neo4j and k8s, stays as it is.
    let bare = |word| str::trim_end_matches(word, |one: char| one.is_ascii_digit());
    name.split(['-', '_', '.']).map(bare).filter(|word| !word.is_empty())
}

/// Returns whether a word is one of several, however it is written.
pub(super) fn has(all: &[&str], word: &str) -> bool {
    all.iter().any(|one| one.eq_ignore_ascii_case(word))
}
