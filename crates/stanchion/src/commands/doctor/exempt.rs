//! Files with exemptions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;
use stanchion_doctor_core::{Exemption, ExemptionEntry};
use stanchion_machinery::json::decode_yaml;

use crate::error::Failure;
use crate::exit::Exit;

/// Reads exemptions from files: each is a list of entries, in YAML or JSON.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Exemption>, Failure> {
    let mut exemptions = Vec::new();
    for file in files {
        let read = of_file(file).with_context(|| format!("cannot take exemptions from {}", file.display()));
        exemptions.extend(read.map_err(|error| Failure::new(Exit::Usage, error))?);
    }
    Ok(exemptions)
}

fn of_file(file: &Path) -> anyhow::Result<Vec<Exemption>> {
    parse(&fs::read(file)?, &file.display().to_string())
}

fn parse(bytes: &[u8], name: &str) -> anyhow::Result<Vec<Exemption>> {
    let decoded = decode_yaml(bytes)?;
    if let Some(duplicate) = decoded.duplicates.first() {
        bail!("{duplicate}");
    }
    let entries = match decoded.value {
        Value::Null => Vec::new(),
        Value::Array(entries) => entries,
        _ => bail!("it is no list of entries"),
    };
    let exemption = |(at, entry): (usize, Value)| {
        let entry: ExemptionEntry =
            serde_json::from_value(entry).with_context(|| format!("entry {}", at + 1))?;
        let by = format!("{name}, entry {}", at + 1);
        entry.exemption(by).with_context(|| format!("entry {}", at + 1))
    };
    entries.into_iter().enumerate().map(exemption).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        format!("{:#}", parse(text.as_bytes(), "f").expect_err("it is wrong"))
    }

    #[test]
    fn a_list_of_entries_is_read() {
        let text = "# known\n- check: etcd/space\n  kind: etcd\n  name: clus*\n  labels: {app: x}\n  reason: it is small\n  \
                    expires: 2027-01-31\n- {check: certs, reason: a test}\n";
        assert_eq!(parse(text.as_bytes(), "f").expect("it is right").len(), 2);
        assert!(parse(b"", "f").expect("it is empty").is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert_eq!(refused("{}"), "it is no list of entries");
        assert!(refused("- {check: etcd, reason: x, nmae: y}").starts_with("entry 1: unknown field `nmae`"));
        assert!(refused("- {check: etcd}").starts_with("entry 1: missing field `reason`"));
        let second = refused("- {check: etcd, reason: x}\n- {check: etc, reason: x}\n");
        assert_eq!(second, "entry 2: there is no check and no group \"etc\"");
        assert!(refused("- {check: etcd, reason: x, expires: soon}").contains("is no date"));
        assert!(refused("- {check: etcd, check: certs, reason: x}").contains("check"), "given twice");
    }
}
