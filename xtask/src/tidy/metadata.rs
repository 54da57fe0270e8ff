//! The packages of the workspace, as `cargo metadata` tells them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    pub(super) packages: Vec<Package>,
}

/// A member of the workspace. Paths are relative to the workspace's root.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) dir: String,
    /// The file each target (library, binary, test, build script …) starts from.
    pub(super) roots: Vec<String>,
    /// The crates it is built with: neither those for its tests nor those for its build script.
    pub(super) dependencies: Vec<String>,
}

impl Package {
    pub(super) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.dir)
    }

    /// The folder of its product code, with a trailing slash.
    pub(super) fn src(&self) -> String {
        format!("{}/src/", self.dir)
    }
}

/// Asks cargo about the workspace that `dir` belongs to. Needs neither network nor lock file.
pub(super) fn load(dir: &Path) -> Result<Workspace> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(dir)
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    let answer: Answer =
        serde_json::from_slice(&output.stdout).context("cannot understand the answer of cargo metadata")?;
    let packages = answer.packages.into_iter().map(|raw| raw.relative_to(&answer.workspace_root));
    Ok(Workspace { packages: packages.collect::<Result<_>>()?, root: answer.workspace_root })
}

#[derive(Debug, Deserialize)]
struct Answer {
    workspace_root: PathBuf,
    packages: Vec<RawPackage>,
}

#[derive(Debug, Deserialize)]
struct RawPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<RawTarget>,
    dependencies: Vec<RawDependency>,
}

#[derive(Debug, Deserialize)]
struct RawTarget {
    src_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct RawDependency {
    name: String,
    /// `None` for a normal dependency, otherwise `dev` or `build`.
    kind: Option<String>,
}

impl RawPackage {
    fn relative_to(self, root: &Path) -> Result<Package> {
        let relative = |path: &Path| -> Result<String> {
            let inside = path.strip_prefix(root).with_context(|| {
                format!("{} of package {} lies outside {}", path.display(), self.name, root.display())
            })?;
            Ok(inside.to_str().context("a source file's name is not UTF-8")?.to_owned())
        };
        let dir = relative(self.manifest_path.parent().unwrap_or(root))?;
        let roots = self.targets.iter().map(|target| relative(&target.src_path)).collect::<Result<_>>()?;
        let normal = self.dependencies.into_iter().filter(|dependency| dependency.kind.is_none());
        Ok(Package {
            dir,
            roots,
            dependencies: normal.map(|dependency| dependency.name).collect(),
            name: self.name,
        })
    }
}
