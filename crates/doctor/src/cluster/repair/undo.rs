//! Notes of how what was done is undone: a directory with the objects as they were, patches, and a script of commands.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use stanchion_doctor_core::Target;
use thiserror::Error;

/// The script in the directory.
const SCRIPT: &str = "undo.sh";

/// So many repairs may begin in one second.
const SAME: usize = 100;

/// A note that could not be written.
#[derive(Debug, Error)]
#[error("cannot write {path}")]
pub struct UndoError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// A directory of notes, made with the first of them.
#[derive(Debug)]
pub struct UndoNotes {
    directory: PathBuf,
    kubectl: String,
    /// The commands, in the order in which they are run: the last deed is undone first.
    commands: Vec<String>,
}

impl UndoNotes {
    /// Keeps notes in a directory of its own; `kubectl` is the command that reaches the same cluster.
    pub fn new(directory: PathBuf, kubectl: String) -> Self {
        Self { directory, kubectl, commands: Vec::new() }
    }

    /// Returns where they are, if there are any.
    pub fn directory(&self) -> Option<&Path> {
        (!self.commands.is_empty()).then_some(self.directory.as_path())
    }

    /// Writes down how something is undone that is about to be done, and returns the command.
    pub(super) fn write(
        &mut self,
        target: &Target,
        before: &Value,
        patch: &[Value],
        is_made: bool,
    ) -> Result<Option<String>, UndoError> {
        if self.commands.is_empty() {
            self.make().map_err(|source| UndoError { path: self.directory.clone(), source })?;
        }
        let kind = target.kind.name().to_lowercase();
        let namespace = target.namespace.as_deref().map(|name| format!("{name}-")).unwrap_or_default();
        let stem = format!("{:02}-{kind}-{namespace}{}", self.commands.len() + 1, target.name);
        let command = if is_made {
            format!("{} delete {}", self.kubectl, target.kubectl())
        } else {
            self.put(&format!("{stem}.before.json"), before)?;
            if patch.is_empty() {
                let before = self.directory.join(format!("{stem}.before.json"));
                let command = format!("# {target} was deleted; it was {}", before.display());
                self.commands.insert(0, command);
                self.script()?;
                return Ok(None);
            }
            let patch = self.put(&format!("{stem}.undo.json"), &Value::Array(patch.to_vec()))?;
            let patch = quoted(&patch.display().to_string());
            format!("{} patch {} --type=json --patch-file={patch}", self.kubectl, target.kubectl())
        };
        self.commands.insert(0, command.clone());
        self.script()?;
        Ok(Some(command))
    }

    /// Makes the directory, under another name if there is one from the same second.
    fn make(&mut self) -> io::Result<()> {
        if let Some(parent) = self.directory.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let name = self.directory.clone().into_os_string();
        let mut number = 1;
        loop {
            match DirBuilder::new().mode(0o700).create(&self.directory) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < SAME => number += 1,
                made => return made,
            }
            let mut name = name.clone();
            name.push(format!("-{number}"));
            self.directory = name.into();
        }
    }

    /// Writes the script anew.
    fn script(&self) -> Result<(), UndoError> {
        let text = format!("#!/bin/sh\nset -e\n{}\n", self.commands.join("\n"));
        let path = self.directory.join(SCRIPT);
        let part = self.directory.join(format!("{SCRIPT}.part"));
        let written = own(&part, false).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&part, &path)
        });
        written.map_err(|source| UndoError { path, source })
    }

    /// Writes an object or a patch. There may be passwords in it.
    fn put(&self, name: &str, value: &Value) -> Result<PathBuf, UndoError> {
        let path = self.directory.join(name);
        let written = own(&path, true).and_then(|mut file| {
            file.write_all(format!("{value:#}\n").as_bytes())?;
            file.sync_all()
        });
        match written {
            Ok(()) => Ok(path),
            Err(source) => Err(UndoError { path, source }),
        }
    }
}

/// Opens a file that its owner alone may read.
fn own(path: &Path, is_new: bool) -> io::Result<std::fs::File> {
    OpenOptions::new().write(true).create(true).truncate(true).create_new(is_new).mode(0o600).open(path)
}

/// Writes a word so that a shell takes it as it is.
pub fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-=:@".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
