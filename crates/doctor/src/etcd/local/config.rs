//! A file that says how a member is started: etcd's own, or the manifest of a static Pod.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use super::{Started, arguments};

/// No such file is larger.
const LARGEST: u64 = 1 << 20;

/// Reads such a file, or says why not.
pub(super) fn read(path: &Path) -> Result<Started, String> {
    // A pipe would be waited for without end.
    if !path.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    understand(&path.display().to_string(), &text)
}

/// Understands the text of such a file.
pub(super) fn understand(source: &str, text: &str) -> Result<Started, String> {
    let value: Value = serde_saphyr::from_str(text).map_err(|error| format!("it is no YAML: {error}"))?;
    let Value::Object(fields) = &value else { return Err("it is no configuration of etcd".to_owned()) };
    let options = match fields.get("kind") {
        Some(kind) if kind == "Pod" => of_pod(&value).ok_or("no container of this Pod runs etcd")?,
        Some(kind) => return Err(format!("it is of kind {kind}, and neither etcd's nor that of a Pod")),
        None => fields.iter().filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect(),
    };
    Started::understand(source.to_owned(), &options)
}

/// Returns the options of the container that runs etcd.
fn of_pod(pod: &Value) -> Option<BTreeMap<String, String>> {
    let words = |container: &Value| -> Vec<String> {
        let of = |name: &str| container[name].as_array().into_iter().flatten().filter_map(plain).collect();
        let (mut words, arguments): (Vec<_>, Vec<_>) = (of("command"), of("args"));
        words.extend(arguments);
        words
    };
    let containers = pod["spec"]["containers"].as_array()?;
    let (container, words) = containers
        .iter()
        .map(|container| (container, words(container)))
        .find(|(_, words)| arguments::is_etcd(words))?;
    let mut options = arguments::options(&words);
    let environment = container["env"].as_array().into_iter().flatten();
    let environment = environment.filter_map(|one| Some((one["name"].as_str()?, one["value"].as_str()?)));
    arguments::add_environment(&mut options, environment);
    Some(options)
}

/// Returns a text or a number as it is written.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
