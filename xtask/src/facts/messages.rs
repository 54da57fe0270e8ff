//! The numbers of protobuf fields, read from the generated sources of `k8s-pb`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Where the modules of the crate stand for the prefixes of the names of types.
const MODULES: &[(&str, &str)] = &[
    ("io.k8s.apiextensions-apiserver.", "apiextensions_apiserver/"),
    ("io.k8s.apimachinery.", "apimachinery/"),
    ("io.k8s.api.", "api/"),
];

/// Message, then field, to number and type; names without case and underscores.
#[derive(Debug, Default)]
pub(super) struct Messages(HashMap<String, HashMap<String, (u32, String)>>);

impl Messages {
    /// Reads every module below a directory.
    pub(super) fn read(sources: &Path) -> Result<Self> {
        let mut all = Self::default();
        all.walk(sources, "")?;
        Ok(all)
    }

    /// Returns the number of a field, or `outer.inner` for one that JSON inlines from a nested message, or 0
    /// where none is known.
    pub(super) fn number(&self, type_name: &str, field: &str) -> String {
        self.find(type_name, field).unwrap_or_else(|| "0".to_owned())
    }

    fn find(&self, type_name: &str, field: &str) -> Option<String> {
        let message = MODULES.iter().find_map(|(prefix, folder)| {
            let rest = type_name.strip_prefix(prefix)?;
            Some(format!("{folder}{}", rest.replace('.', "/")))
        })?;
        let fields = self.0.get(&plain(&message))?;
        if let Some((number, _)) = fields.get(&plain(field)) {
            return Some(number.to_string());
        }
        let module = message.rsplit_once('/').map_or("", |(module, _)| module);
        fields.values().find_map(|(outer, kind)| {
            let nested = self.0.get(&plain(&format!("{module}/{kind}")))?;
            let (inner, _) = nested.get(&plain(field))?;
            is_inlined(kind).then(|| format!("{outer}.{inner}"))
        })
    }

    fn walk(&mut self, directory: &Path, module: &str) -> Result<()> {
        let entries = fs::read_dir(directory).with_context(|| format!("listing {}", directory.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("").to_owned();
            if path.is_dir() {
                self.walk(&path, &format!("{module}{name}/"))?;
            } else if name == "mod.rs" {
                let text =
                    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
                self.module(&text, module);
            }
        }
        Ok(())
    }

    fn module(&mut self, text: &str, module: &str) {
        let (mut message, mut number) = (String::new(), None);
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("pub struct ") {
                message = plain(&format!("{module}{}", rest.trim_end_matches(" {")));
            } else if line.starts_with("#[prost(") {
                let tag = line.split("tag = \"").nth(1).and_then(|t| t.split('"').next());
                number = tag.and_then(|t| t.parse().ok());
            } else if let (Some(field), Some(tag)) = (line.strip_prefix("pub "), number) {
                let (field, kind) = field.split_once(':').unwrap_or((field, ""));
                let kind = kind.rsplit("Option<").next().unwrap_or("").trim_end_matches([',', '>']);
                self.0.entry(message.clone()).or_default().insert(plain(field), (tag, kind.to_owned()));
                number = None;
            }
        }
    }
}

/// The messages that Go embeds, so that their fields stand one level up in JSON.
fn is_inlined(message: &str) -> bool {
    let embedded = [
        "VolumeSource",
        "PersistentVolumeSource",
        "ProbeHandler",
        "EphemeralContainerCommon",
        "IngressRuleValue",
        "LocalObjectReference",
        "SecretReference",
    ];
    embedded.contains(&message)
}

fn plain(name: &str) -> String {
    let name = name.strip_prefix("r#").unwrap_or(name).replace("/r#", "/");
    name.chars().filter(|c| !matches!(c, '_' | '-' | '$')).collect::<String>().to_lowercase()
}
