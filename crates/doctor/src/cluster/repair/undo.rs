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
    /// What was noted, in the order of the deeds.
    notes: Vec<Note>,
}

/// How one deed is undone.
#[derive(Debug, Default)]
struct Note {
    command: String,
    files: Vec<PathBuf>,
}

impl UndoNotes {
    /// Keeps notes in a directory of its own; `kubectl` is the command that reaches the same cluster.
    pub fn new(directory: PathBuf, kubectl: String) -> Self {
        Self { directory, kubectl, notes: Vec::new() }
    }

    /// Returns where they are, if there are any.
    pub fn directory(&self) -> Option<&Path> {
        (!self.notes.is_empty()).then_some(self.directory.as_path())
    }

    /// Writes down how something is undone that is about to be done, and returns the command.
    pub(super) fn write(
        &mut self,
        target: &Target,
        before: &Value,
        patch: &[Value],
        is_made: bool,
    ) -> Result<Option<String>, UndoError> {
        if self.notes.is_empty() {
            self.make().map_err(|source| UndoError { path: self.directory.clone(), source })?;
        }
        let kind = target.kind.name().to_lowercase();
        let namespace = target.namespace.as_deref().map(|name| format!("{name}-")).unwrap_or_default();
        let stem = format!("{:02}-{kind}-{namespace}{}", self.notes.len() + 1, target.name);
        let mut note = Note::default();
        let undo = if is_made {
            note.command = format!("{} delete {}", self.kubectl, target.kubectl());
            Some(note.command.clone())
        } else {
            let before = self.put(&format!("{stem}.before.json"), before)?;
            note.files.push(before.clone());
            if patch.is_empty() {
                note.command = format!("# {target} was deleted; it was {}", before.display());
                None
            } else {
                let patch = self.put(&format!("{stem}.undo.json"), &Value::Array(patch.to_vec()))?;
                note.files.push(patch.clone());
                let patch = quoted(&patch.display().to_string());
                note.command =
                    format!("{} patch {} --type=json --patch-file={patch}", self.kubectl, target.kubectl());
                Some(note.command.clone())
            }
        };
        self.notes.push(note);
        self.script()?;
        Ok(undo)
    }

    /// Takes the last note back, as what it undoes was not done: its command would fail, and those after it would not be run.
    pub(super) fn take_back(&mut self) -> Result<(), UndoError> {
        let Some(note) = self.notes.pop() else { return Ok(()) };
        self.script()?;
        let remove = |path: &Path| {
            std::fs::remove_file(path).map_err(|source| UndoError { path: path.to_owned(), source })
        };
        note.files.iter().try_for_each(|path| remove(path))?;
        if self.notes.is_empty() {
            remove(&self.directory.join(SCRIPT))?;
            let path = self.directory.clone();
            std::fs::remove_dir(&path).map_err(|source| UndoError { path, source })?;
        }
        Ok(())
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

    /// Writes the script anew: the last deed is undone first.
    fn script(&self) -> Result<(), UndoError> {
        let commands: Vec<&str> = self.notes.iter().rev().map(|note| note.command.as_str()).collect();
        let text = format!("#!/bin/sh\nset -e\n{}\n", commands.join("\n"));
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
