//! Finding out what this machine lets containers have, by doing it.
//!
//! Namespaces are left and entered by whole processes, so the runtime asks a helper (`sandbox-probe`) that then ends
//! and takes everything with it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use nix::sched::CloneFlags;
use rustix::mount::MountPropagationFlags;

use crate::abilities::{Abilities, Feature};
use crate::error::{Doing, SystemError, chain, refusal};
use crate::{init, root};

const PATIENCE: Duration = Duration::from_secs(10);
/// Without namespaces there is none of these.
const ISOLATION: [Feature; 4] =
    [Feature::Root, Feature::PidNamespace, Feature::Hostname, Feature::IpcNamespace];

/// Asks a helper that may use `scratch`, a directory that is not there yet.
pub(crate) async fn ask(program: &Path, scratch: &Path, plain: bool) -> Result<Abilities, SystemError> {
    let doing = || format!("find out with {} what this machine allows", program.display());
    let child = tokio::process::Command::new(program)
        .arg("sandbox-probe")
        .arg(scratch)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .doing(doing)?;
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.map_err(|_| refusal(doing(), "it takes too long"))?.doing(doing)?;
    if !output.status.success() {
        return Err(refusal(doing(), String::from_utf8_lossy(&output.stderr).trim()));
    }
    let mut abilities: Abilities = serde_json::from_slice(&output.stdout).doing(doing)?;
    if plain {
        for feature in ISOLATION {
            abilities.lacks(feature, "switched off");
        }
    }
    match fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).doing(|| format!("remove {}", scratch.display()))
        }
        _ => Ok(abilities),
    }
}

/// Tries everything out and writes the result to the standard output.
pub(crate) fn main(scratch: &Path) -> ExitCode {
    let doing = || "say what this machine allows".to_owned();
    let said = serde_json::to_vec(&try_out(scratch))
        .doing(doing)
        .and_then(|bytes| io::stdout().write_all(&bytes).doing(doing));
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::complain(&error),
    }
}

fn try_out(scratch: &Path) -> Abilities {
    let mut abilities = Abilities::default();
    if let Some(reason) = init::lacks_credentials() {
        abilities.lacks(Feature::User, reason);
    }
    if let Err(error) = lower_oom_score() {
        abilities.lacks(Feature::OomScore, error.to_string());
    }
    for (feature, flag) in [
        (Feature::PidNamespace, CloneFlags::CLONE_NEWPID),
        (Feature::Hostname, CloneFlags::CLONE_NEWUTS),
        (Feature::IpcNamespace, CloneFlags::CLONE_NEWIPC),
        (Feature::Root, CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP),
    ] {
        if let Err(error) = nix::sched::unshare(flag) {
            abilities.lacks(feature, error.to_string());
        }
    }
    if abilities.has(Feature::Root)
        && let Err(error) = try_root(scratch)
    {
        abilities.lacks(Feature::Root, chain(&error));
    }
    abilities
}

fn try_root(scratch: &Path) -> Result<(), SystemError> {
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .doing(|| "make the mounts private".to_owned())?;
    root::probe(scratch)
}

fn lower_oom_score() -> io::Result<()> {
    let path = "/proc/self/oom_score_adj";
    let now: i32 = fs::read_to_string(path)?.trim().parse().map_err(io::Error::other)?;
    fs::write(path, (now - 1).max(-1000).to_string())
}
