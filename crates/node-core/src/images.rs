//! Which program of the machine stands for an image.
//!
//! There are no image layers here: a container sees the machine's own files, and its image's name says which program it
//! is about. A row of the [`Table`] names the images, the program, the Debian package that brings it and what
//! the image would run by itself. Rows of the user come before those built in.

mod builtin;
mod name;
mod pull;

pub use name::{ImageName, ImageNameError};
pub use pull::{PullPolicy, PullPolicyError, refusal};

use serde::Deserialize;
use thiserror::Error;

/// A row as a user writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// The image: a full name without tag, a full name with tag, or the last part of the name alone.
    pub image: String,
    /// The program: a name that is looked for in the usual directories, or an absolute path.
    pub program: String,
    /// The Debian package that brings it.
    #[serde(default)]
    pub package: Option<String>,
    /// Further directories in which it is looked for, and which are put before the container's `PATH`. `*` stands
    /// for any one directory; of several, the last one in order counts. Where the program is a path, its directory is put
    /// there if it is among these.
    #[serde(default)]
    pub directories: Vec<String>,
    /// What stands before the arguments.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// The arguments if the Pod gives none.
    #[serde(default)]
    pub args: Vec<String>,
    /// Whether arguments that begin with `-` are meant for the program, as images of databases do it.
    #[serde(default)]
    pub takes_flags: bool,
}

/// A row that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TableError {
    /// Its image has no name.
    #[error("image table: image {image:?} cannot be read")]
    Image {
        /// The image.
        image: String,
        /// What is wrong.
        #[source]
        source: ImageNameError,
    },
    /// Its program is empty, or a path that is not absolute.
    #[error("image table: program {program:?} of image {image:?} is neither a name nor an absolute path")]
    Program {
        /// The image.
        image: String,
        /// The program.
        program: String,
    },
    /// A directory of it is not absolute.
    #[error("image table: directory {directory:?} of image {image:?} is not absolute")]
    Directory {
        /// The image.
        image: String,
        /// The directory.
        directory: String,
    },
}

/// All rows.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Row>,
}

/// What an image comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Its program is there.
    Found(Found),
    /// It has a row, but the program is not there.
    Missing {
        /// The program.
        program: String,
        /// The Debian package that brings it, if it is known.
        package: Option<String>,
    },
    /// It has no row.
    Unknown,
}

/// An image whose program is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where the program is.
    pub path: String,
    /// The directory to put before the container's `PATH`, if it is not a usual one.
    pub directory: Option<String>,
    row: Row,
}

impl Default for Table {
    fn default() -> Self {
        Self { rows: builtin::rows() }
    }
}

impl Table {
    /// Puts the rows of a user before those built in.
    pub fn with_rows(rows: Vec<Row>) -> Result<Self, TableError> {
        for row in &rows {
            row.check()?;
        }
        let mut table = Self::default();
        table.rows.splice(0..0, rows);
        Ok(table)
    }

    /// Finds the row of an image: by full name and tag, then by full name, then by the last part of the name.
    pub fn row(&self, image: &ImageName) -> Option<&Row> {
        let by = |wanted: &str| self.rows.iter().find(|row| row.image == wanted);
        let tagged = image.tag.as_ref().and_then(|tag| {
            let full = |name: &str| by(&format!("{name}:{tag}"));
            full(&image.full()).or_else(|| full(&image.short()))
        });
        tagged.or_else(|| by(&image.full())).or_else(|| by(&image.short())).or_else(|| by(image.last()))
    }

    /// Looks an image up. `find` says where a program is, given its name or path and further directories (see
    /// [`Row::directories`]): its path, and the directory if it is one of the further ones.
    pub fn look_up(
        &self,
        image: &ImageName,
        find: impl FnOnce(&str, &[String]) -> Option<(String, Option<String>)>,
    ) -> Lookup {
        let Some(row) = self.row(image) else { return Lookup::Unknown };
        match find(&row.program, &row.directories) {
            Some((path, directory)) => Lookup::Found(Found { path, directory, row: row.clone() }),
            None => Lookup::Missing { program: row.program.clone(), package: row.package.clone() },
        }
    }
}

impl Row {
    fn check(&self) -> Result<(), TableError> {
        let image = || self.image.clone();
        if let Err(source) = ImageName::parse(&self.image) {
            return Err(TableError::Image { image: image(), source });
        }
        if self.program.is_empty() || (self.program.contains('/') && !self.program.starts_with('/')) {
            return Err(TableError::Program { image: image(), program: self.program.clone() });
        }
        match self.directories.iter().find(|directory| !directory.starts_with('/')) {
            Some(directory) => Err(TableError::Directory { image: image(), directory: directory.clone() }),
            None => Ok(()),
        }
    }
}

impl Found {
    /// Returns the id of the image, as statuses show it.
    pub fn image_id(&self) -> String {
        format!("host://{}", self.path)
    }

    /// Returns the program and the arguments of a container with a command and arguments, both empty if not given.
    pub fn command_line(&self, command: &[String], args: &[String]) -> Vec<String> {
        let row = &self.row;
        if !command.is_empty() {
            return [command, args].concat();
        }
        let flags = row.takes_flags && args.first().is_some_and(|first| first.starts_with('-'));
        let program = std::slice::from_ref(&self.path);
        match args {
            [] if row.entrypoint.is_empty() => [program, row.args.as_slice()].concat(),
            [] => [row.entrypoint.as_slice(), row.args.as_slice()].concat(),
            args if flags => [program, args].concat(),
            args => [row.entrypoint.as_slice(), args].concat(),
        }
    }
}

impl Lookup {
    /// Words why the image cannot be had, for `ErrImagePull`; none if it can.
    pub fn problem(&self, image: &str) -> Option<String> {
        match self {
            Self::Found(_) => None,
            Self::Missing { program, package: Some(package) } => Some(format!(
                "image {image:?} stands for the program {program}, which is not installed: install the Debian \
                 package {package} (apt-get install {package})"
            )),
            Self::Missing { program, package: None } => {
                Some(format!("image {image:?} stands for the program {program}, which is not installed"))
            }
            Self::Unknown => Some(format!(
                "image {image:?} stands for no program of this machine: add a row for it to the image table"
            )),
        }
    }
}

#[cfg(test)]
mod tests;
