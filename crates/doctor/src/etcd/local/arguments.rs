//! Options of etcd on a command line.

use std::collections::BTreeMap;
use std::path::Path;

/// Returns whether a command line starts etcd itself: `etcd`, wherever it is.
pub(super) fn is_etcd(words: &[String]) -> bool {
    let program = words.first().and_then(|word| Path::new(word).file_name());
    program.is_some_and(|name| name == "etcd")
}

/// Returns the options of a command line by their names without dashes: `--name=x`, `-name x`. One that is given twice counts
/// as it is given last.
pub(super) fn options(words: &[String]) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut words = words.iter().skip(1).peekable();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            // What stands alone and takes no value is a switch.
            None => (option, words.next_if(|next| !next.starts_with('-')).cloned().unwrap_or_default()),
        };
        options.insert(name.to_owned(), value);
    }
    options
}

/// Adds what the environment says and the command line does not: `ETCD_DATA_DIR=x`.
pub(super) fn add_environment<'a>(
    options: &mut BTreeMap<String, String>,
    environment: impl IntoIterator<Item = (&'a str, &'a str)>,
) {
    for (name, value) in environment {
        if let Some(name) = name.strip_prefix("ETCD_") {
            let name = name.to_ascii_lowercase().replace('_', "-");
            options.entry(name).or_insert_with(|| value.to_owned());
        }
    }
}
