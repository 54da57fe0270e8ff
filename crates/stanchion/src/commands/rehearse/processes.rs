//! Which processes of this machine are a database's Pod.
//!
//! The agent is the first process of the container, and has the Pod's name, namespace and address in its environment.
//! All three must be right: another cluster on this machine may have a Pod of the same name, and never of the same
//! address.

use std::{fs, io};

use anyhow::{Context, anyhow};
use stanchion_rehearse::{Victim, Victims};

use crate::error::Failure;
use crate::exit::Exit;

const PROC: &str = "/proc";
/// The program of the database, as the kernel names the process.
const SERVER: &str = "mariadbd";

/// A Pod as its processes know it.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) address: String,
    pub(super) node: String,
}

/// Takes hold of the agent of a Pod and of all that it has started.
pub(super) fn of_pod(pod: &Identity) -> Result<Victims, Failure> {
    let found = agents(pod).with_context(|| format!("cannot read {PROC}"))?;
    if found.agents.is_empty() {
        return Err(absent(pod, found.hidden));
    }
    let held =
        Victims::with_descendants(&found.agents).map_err(|error| Failure::new(Exit::Failure, error))?;
    if held.is_empty() { Err(absent(pod, 0)) } else { Ok(held) }
}

/// Takes hold of the database alone.
pub(super) fn servers(of: &Victims) -> Result<Victims, Failure> {
    let pids: Vec<u32> = of.iter().filter(|victim| victim.name() == SERVER).map(Victim::pid).collect();
    let held = Victims::open(pids).map_err(|error| Failure::new(Exit::Failure, error))?;
    if held.is_empty() {
        let error = anyhow!("no {SERVER} is among the primary's processes: {of}");
        return Err(Failure::new(Exit::Unhealthy, error));
    }
    Ok(held)
}

fn absent(pod: &Identity, hidden: usize) -> Failure {
    let Identity { name, namespace, node, .. } = pod;
    let error = anyhow!("Pod {namespace}/{name} on node {node} is none of this machine's processes");
    let failure = Failure::new(Exit::Usage, error);
    if hidden > 0 {
        failure.hint(format!(
            "as root, if {node} is this machine: the environment of {hidden} processes cannot be read"
        ))
    } else {
        failure.hint(format!("on {node}: processes are killed where they run"))
    }
}

/// What a look through all processes has found.
#[derive(Debug, Default)]
struct Found {
    agents: Vec<u32>,
    /// How many processes could not be looked at.
    hidden: usize,
}

fn agents(pod: &Identity) -> io::Result<Found> {
    let mut found = Found::default();
    for entry in fs::read_dir(PROC)? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // One that has ended meanwhile is none.
        let Ok(command) = fs::read(format!("{PROC}/{pid}/cmdline")) else { continue };
        if !is_agent(&command) {
            continue;
        }
        match fs::read(format!("{PROC}/{pid}/environ")) {
            Ok(environment) if is_of(&environment, pod) => found.agents.push(pid),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => found.hidden += 1,
            Ok(_) | Err(_) => {}
        }
    }
    Ok(found)
}

/// Whether a command line is `stanchion agent run …`.
fn is_agent(command: &[u8]) -> bool {
    let mut words = command.split(|byte| *byte == 0).skip(1);
    words.next() == Some(b"agent") && words.next() == Some(b"run")
}

fn is_of(environment: &[u8], pod: &Identity) -> bool {
    let has = |name: &str, value: &str| {
        let wanted = format!("{name}={value}");
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    };
    has("POD_NAME", &pod.name) && has("POD_NAMESPACE", &pod.namespace) && has("POD_IP", &pod.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_known_by_its_words_and_its_pod() {
        assert!(is_agent(b"/stanchion/stanchion\0agent\0run\0--config\0/etc/stanchion/agent.json\0"));
        assert!(!is_agent(b"stanchion\0agent\0install\0/stanchion\0") && !is_agent(b""));
        let pod = |address: &str| Identity {
            name: "orders-0".to_owned(),
            namespace: "default".to_owned(),
            address: address.to_owned(),
            node: "ground".to_owned(),
        };
        let environment = b"PATH=/bin\0POD_NAME=orders-0\0POD_NAMESPACE=default\0POD_IP=127.9.0.12\0";
        assert!(is_of(environment, &pod("127.9.0.12")));
        assert!(!is_of(environment, &pod("127.9.0.1")), "an address is compared as a whole");
    }

    #[test]
    fn a_pod_elsewhere_is_told_to_be_elsewhere() {
        let pod = Identity {
            name: "orders-0".to_owned(),
            namespace: "no-such-namespace".to_owned(),
            address: "192.0.2.1".to_owned(),
            node: "elsewhere".to_owned(),
        };
        let failure = of_pod(&pod).expect_err("it is not here");
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.chain()[0].contains("on node elsewhere"), "{failure:?}");
    }
}
