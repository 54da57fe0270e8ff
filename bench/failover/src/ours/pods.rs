//! Which processes of this machine belong to a Pod.

use std::fs;

use anyhow::{Result, ensure};
use stanchion_rehearse::{Victim, Victims};

/// The program of the database, as the kernel names its process.
const DATABASE: &str = "mariadbd";

/// Returns all processes of a Pod: those that were told so by their environment, and their descendants.
pub(super) fn processes(namespace: &str, pod: &str) -> Result<Victims> {
    let wanted = [format!("POD_NAME={pod}"), format!("POD_NAMESPACE={namespace}")];
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may have ended since, or belong to somebody else.
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { continue };
        if is_told(&environment, &wanted) {
            found.push(pid);
        }
    }
    ensure!(!found.is_empty(), "no process belongs to Pod {namespace}/{pod}");
    Ok(Victims::with_descendants(&found)?)
}

/// Returns those of them that are the database.
pub(super) fn database(all: &Victims) -> Result<Victims> {
    let database = all.iter().filter(|victim| victim.name() == DATABASE).map(Victim::pid);
    let found = Victims::open(database)?;
    ensure!(!found.is_empty(), "no process of the Pod is {DATABASE}: {all}");
    Ok(found)
}

fn is_told(environment: &[u8], wanted: &[String]) -> bool {
    let has =
        |entry: &String| environment.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes());
    wanted.iter().all(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_variables_are_compared() {
        let wanted = ["POD_NAME=a-1".to_owned(), "POD_NAMESPACE=default".to_owned()];
        assert!(is_told(b"HOME=/\0POD_NAMESPACE=default\0POD_NAME=a-1\0", &wanted));
        assert!(!is_told(b"POD_NAMESPACE=default\0POD_NAME=a-10\0", &wanted));
        assert!(!is_told(b"POD_NAME=a-1\0", &wanted));
    }
}
