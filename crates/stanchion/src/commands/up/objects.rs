//! Objects that a person wants in the cluster from its start: `stanchion up --apply FILE`.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use stanchion_api::names;
use stanchion_informers::Key;
use stanchion_machinery::json::decode_yaml;

use crate::output;

/// Who owns their fields.
const MANAGER: &str = "stanchion-up";
/// The kind whose progress is shown.
const DATABASE: &str = "DatabaseCluster";
/// The namespace of objects that name none.
const NAMESPACE: &str = "default";

/// Objects as files have them.
pub(super) struct Objects(Vec<DynamicObject>);

impl Objects {
    /// Reads files of YAML or JSON, each with one or more objects.
    pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<Self> {
        let read = files
            .iter()
            .map(|file| read(file).with_context(|| format!("{} cannot be applied", file.display())));
        Ok(Self(read.collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect()))
    }

    /// Returns the databases among them.
    pub(super) fn databases(&self) -> Vec<Key> {
        let are = |object: &&DynamicObject| {
            object.types.as_ref().is_some_and(|types| {
                types.kind == DATABASE && types.api_version.starts_with(&format!("{}/", names::GROUP))
            })
        };
        let key = |object: &DynamicObject| {
            Key::new(object.namespace().unwrap_or_else(|| NAMESPACE.to_owned()), object.name_any())
        };
        self.0.iter().filter(are).map(key).collect()
    }

    /// Applies all of them. One whose fields somebody has changed since the last time stays as it is.
    pub(super) async fn apply(&self, client: &Client) -> anyhow::Result<()> {
        for object in &self.0 {
            let types = object.types.as_ref().context("it has neither apiVersion nor kind")?;
            let what = format!("{} {}", types.kind, object.name_any());
            let kind = GroupVersionKind::try_from(types).with_context(|| format!("cannot apply {what}"))?;
            let found = pinned_kind(client, &kind).await;
            let (resource, capabilities) =
                found.with_context(|| format!("the API has no kind for {what}"))?;
            let api: Api<DynamicObject> = match capabilities.scope {
                Scope::Cluster => Api::all_with(client.clone(), &resource),
                Scope::Namespaced => {
                    let namespace = object.namespace().unwrap_or_else(|| NAMESPACE.to_owned());
                    Api::namespaced_with(client.clone(), &namespace, &resource)
                }
            };
            let applied =
                api.patch(&object.name_any(), &PatchParams::apply(MANAGER), &Patch::Apply(object)).await;
            match applied {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    output::note(&format!("{what} stays as it is: it was changed since. {}", status.message));
                }
                Err(kube::Error::Api(status)) => {
                    return Err(anyhow!(status.message.clone()).context(format!("cannot apply {what}")));
                }
                Err(error) => return Err(anyhow!(error).context(format!("cannot apply {what}"))),
            }
        }
        Ok(())
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<DynamicObject>> {
    let text = std::fs::read_to_string(file)?;
    let mut objects = Vec::new();
    for document in documents(&text) {
        let decoded = decode_yaml(document.as_bytes())?;
        if let Some(duplicate) = decoded.duplicates.first() {
            bail!("{duplicate}");
        }
        if decoded.value == Value::Null {
            continue;
        }
        let object: DynamicObject = serde_json::from_value(decoded.value)?;
        if object.types.is_none() || object.metadata.name.is_none() {
            bail!("an object lacks apiVersion, kind or metadata.name");
        }
        objects.push(object);
    }
    if objects.is_empty() {
        bail!("it has no object");
    }
    Ok(objects)
}

/// Splits a stream of YAML documents.
fn documents(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in text.lines() {
        if line == "---" || line.starts_with("--- ") {
            all.push(String::new());
        } else if let Some(last) = all.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("objects.yaml");
        std::fs::write(&file, text).expect("written");
        (folder, file)
    }

    #[test]
    fn a_file_has_several_objects_and_some_are_databases() {
        let text = "# a comment\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\
                    apiVersion: stanchion.dev/v1alpha1\nkind: DatabaseCluster\nmetadata: {name: orders, namespace: shop}\n\
                    spec: {storage: {size: 1Gi}}\n";
        let (_folder, file) = written(text);
        let objects = Objects::read(&[file]).expect("objects");
        assert_eq!(objects.0.len(), 2);
        assert_eq!(objects.databases(), [Key::new("shop", "orders")]);
        assert_eq!(objects.0[1].data["spec"]["storage"]["size"], "1Gi");
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_file() {
        for text in ["", "a: 1\na: 2\n", "kind: Pod\n", "apiVersion: v1\nkind: Pod\nmetadata: {}\n"] {
            let (_folder, file) = written(text);
            let error = Objects::read(&[file]).err().expect("it is refused");
            assert!(error.to_string().contains("objects.yaml"), "{error:#}");
        }
    }
}
