//! What only the machine of a member can tell: how it was started, and what room its disk has.
//!
//! Command lines of processes are looked at only for members that are asked at an address of this machine; a file that
//! somebody names counts for the member that it names.

mod arguments;
mod config;
mod processes;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use stanchion_doctor_core::{Disk, Facts, Member, Need, Settings, Status};

use super::{Etcd, reading};
use processes::Process;

/// etcd's, where nothing else is said.
const HEARTBEAT: u64 = 100;
/// etcd's, where nothing else is said.
const ELECTION: u64 = 1_000;
/// The name of a member that was given none.
const NAME: &str = "default";

/// How a member was started.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Started {
    source: String,
    name: String,
    data_dir: PathBuf,
    /// The ports at which clients are served.
    ports: Vec<u16>,
    heartbeat: Duration,
    election: Duration,
}

impl Started {
    /// Understands options by their names without dashes, as command lines, files and, in capitals, the environment have them.
    fn understand(source: String, options: &BTreeMap<String, String>) -> Result<Self, String> {
        let of = |name: &str| options.get(name).filter(|value| !value.is_empty());
        let millis = |name: &str, default: u64| match of(name) {
            None => Ok(Duration::from_millis(default)),
            Some(value) => match value.parse() {
                Ok(millis) => Ok(Duration::from_millis(millis)),
                Err(_) => Err(format!("{source}: {name} is {value:?}, which is no number of milliseconds")),
            },
        };
        let name = of("name").map_or_else(|| NAME.to_owned(), Clone::clone);
        let urls =
            ["listen-client-urls", "advertise-client-urls"].map(|name| of(name).map_or("", String::as_str));
        let ports = urls.iter().flat_map(|urls| urls.split(',')).filter_map(port_of).collect();
        let (heartbeat, election) =
            (millis("heartbeat-interval", HEARTBEAT)?, millis("election-timeout", ELECTION)?);
        let data_dir = of("data-dir").map_or_else(|| PathBuf::from(format!("{name}.etcd")), PathBuf::from);
        Ok(Self { source, name, data_dir, ports, heartbeat, election })
    }

    fn settings(&self) -> Settings {
        Settings { source: self.source.clone(), heartbeat: self.heartbeat, election: self.election }
    }

    fn is_of(&self, member: &Member) -> bool {
        member.name == self.name
    }
}

fn port_of(url: &str) -> Option<u16> {
    url.trim().parse::<Uri>().ok()?.port_u16()
}

impl Etcd {
    /// Reads how members were started, and what room their disks have, as far as that can be known from here.
    pub(super) async fn read_local(&self, facts: &mut Facts) {
        let mut missing = Vec::new();
        let named = self.options.config.as_deref();
        let config = named.and_then(|path| {
            let read = config::read(path);
            read.map_err(|why| missing.push(why)).ok()
        });
        let mut here = Vec::new();
        for (member, status) in facts.etcd.reached() {
            if is_here(status).await {
                here.push(member.id);
            }
        }
        let processes = if here.is_empty() {
            Vec::new()
        } else {
            tokio::task::spawn_blocking(processes::all).await.unwrap_or_default()
        };
        let mut sources = Vec::new();
        for member in &mut facts.etcd.members {
            let is_here = here.contains(&member.id);
            let process = processes.iter().find(|process| is_here && serves(process, member));
            let (settings, disk) = match (process, config.as_ref().filter(|config| config.is_of(member))) {
                (Some(process), _) => (process.started.settings(), disk(&process.started, &process.root)),
                (None, Some(config)) => {
                    let disk = is_here.then(|| disk(config, Path::new("/"))).flatten();
                    (config.settings(), disk)
                }
                (None, None) => continue,
            };
            sources.push(settings.source.clone());
            (member.settings, member.disk) = (Some(settings), disk);
        }
        if let Some(config) =
            config.filter(|config| !facts.etcd.members.iter().any(|member| config.is_of(member)))
        {
            missing.push(format!("it is of {:?}, and no member has that name", config.name));
        }
        if !sources.is_empty() || !missing.is_empty() {
            let answered = sources.len();
            sources.sort_unstable();
            sources.dedup();
            let source = named.filter(|_| sources.is_empty()).map(|path| path.display().to_string());
            let source = source.unwrap_or_else(|| sources.join(", "));
            facts.note(Need::EtcdSettings, reading(source, answered, missing));
        }
    }
}

/// Returns whether a process is a member that was asked on this machine: it has its name, and serves at that port.
fn serves(process: &Process, member: &Member) -> bool {
    let port = member.status.as_ref().and_then(|status| port_of(&status.endpoint));
    process.started.is_of(member) && port.is_some_and(|port| process.started.ports.contains(&port))
}

/// Returns whether a member was asked at an address of this machine.
async fn is_here(status: &Status) -> bool {
    let Ok(uri) = status.endpoint.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let Ok(mut addresses) = tokio::net::lookup_host((host, 0)).await else { return false };
    // Only addresses of this machine can be listened at.
    addresses.any(|address| address.ip().is_loopback() || TcpListener::bind(address).is_ok())
}

/// Returns the disk of a member's data, which is looked at below `root`. A directory in which no database is is another's.
fn disk(started: &Started, root: &Path) -> Option<Disk> {
    let directory = root.join(started.data_dir.strip_prefix("/").ok()?);
    let database = directory.join("member/snap/db");
    database.is_file().then_some(())?;
    let free = free(&database).ok()?;
    Some(Disk { directory: started.data_dir.display().to_string(), free })
}

/// Returns how much more the disk of a path takes.
pub(super) fn free(path: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests;
