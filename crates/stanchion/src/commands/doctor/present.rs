//! A report in the format that is asked for, printed or in a file.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use stanchion_doctor_report::{Document, html, junit, markdown, metrics, sarif, table};

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{self, Format, Output};

/// Before the umask, as files of programs are made.
const MODE: u32 = 0o666;

/// Where a report goes.
#[derive(Debug, Args)]
pub(super) struct Presentation {
    /// Write the report to this file, in the format of --output, and print the table.
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    output_file: Option<PathBuf>,
}

impl Presentation {
    /// Prints a report, or writes it to a file and prints it for people.
    pub(super) fn present(
        &self,
        document: &Document<'_>,
        output: Output,
        explain: bool,
    ) -> Result<(), Failure> {
        let text = written(document, output, explain)?;
        match &self.output_file {
            None => output::text(&text),
            Some(path) => {
                write_whole(path, &text)?;
                output::text(&table(document, explain));
            }
        }
        Ok(())
    }
}

fn written(document: &Document<'_>, output: Output, explain: bool) -> Result<String, Failure> {
    Ok(match output {
        Output::Table => table(document, explain),
        Output::Json => output::written(document, Format::Json)?,
        Output::Yaml => output::written(document, Format::Yaml)?,
        Output::Sarif => sarif(document) + "\n",
        Output::Junit => junit(document).map_err(anyhow::Error::new)?,
        Output::Markdown => markdown(document),
        Output::Html => html(document),
        Output::Prometheus => metrics(document.version, Some(document), None),
    })
}

/// Writes a file as a whole or not at all: who reads it sees the old one or the new one.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    // What a link leads to is written, and the link stays.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        let error = anyhow!("{} is no file: it would be replaced", path.display());
        return Err(Failure::new(Exit::Usage, error));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new();
    let written = file.permissions(Permissions::from_mode(MODE)).tempfile_in(folder).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)
    });
    written
        .map(drop)
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(|error| Failure::new(Exit::Storage, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_links_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("report"), folder.path().join("link"));
        write_whole(&file, "old").expect("it is written");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        write_whole(&link, "new").expect("it is written");
        assert_eq!(fs::read_to_string(&file).expect("a file"), "new");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing else is left");
    }

    #[test]
    fn a_device_is_not_replaced() {
        let refused = write_whole(Path::new("/dev/null"), "x").expect_err("it is no file");
        assert_eq!(refused.exit(), Exit::Usage);
        assert!(fs::metadata("/dev/null").is_ok_and(|found| !found.is_file()));
    }
}
