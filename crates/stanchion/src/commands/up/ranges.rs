//! Which addresses of 127.0.0.0/8 a cluster has, so that several run beside each other on one machine.
//!
//! Range number N is 127.(64+N).0.0/16 for Pods and 127.(96+N).0.0/16 for Services. A cluster keeps its number in its data
//! directory, because Services keep their addresses; while it runs it holds a socket that says so to others. Which directory
//! has a number is also noted for the machine, so that a new cluster does not take that of one that is stopped at the moment.
//! Where nothing can be noted, it hardly ever does: where it looks first depends on its directory.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::Ipv4Net;
use thiserror::Error;
use tokio::net::TcpListener;

/// How many clusters one machine can hold.
const RANGES: u8 = 32;
/// The second byte of the first range of Pods, and of Services.
const FIRST: (u8, u8) = (64, 96);
/// The prefix length of each.
const PREFIX: u8 = 16;
/// Where in the Services' range the socket is that marks it as taken.
const MARK: (u8, u8, u16) = (255, 254, 10_256);
/// The file in the data directory.
const FILE: &str = "network-range";

/// Why there are no addresses.
#[derive(Debug, Error)]
pub(super) enum RangeError {
    /// The file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file does not hold a number.
    #[error("{} should hold a number below {RANGES}, but holds {text:?}; if the cluster has no Services, remove it", path.display())]
    Content { path: PathBuf, text: String },
    /// Another cluster runs with the same addresses.
    #[error(
        "another cluster has the addresses {services} of this one; end it, or start this cluster from another directory"
    )]
    Taken { services: Ipv4Net },
    /// All are taken.
    #[error("{RANGES} clusters run on this machine already; end one of them")]
    None,
}

/// The addresses of a cluster, its own while this value lives.
#[derive(Debug)]
pub(super) struct Ranges {
    pub(super) pods: Ipv4Net,
    pub(super) services: Ipv4Net,
    _mark: TcpListener,
}

impl Ranges {
    /// Takes the addresses that the cluster of a data directory has, or gives it some.
    pub(super) async fn take(data_dir: &Path) -> Result<Self, RangeError> {
        let path = data_dir.join(FILE);
        let file = |source| RangeError::File { path: path.clone(), source };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let number = text.trim().parse().ok().filter(|number| *number < RANGES);
                let number = number.ok_or_else(|| RangeError::Content { path: path.clone(), text })?;
                let services = network(FIRST.1 + number);
                let taken = mark(number).await.map_err(|_| RangeError::Taken { services })?;
                note(number, data_dir);
                Ok(taken)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let first = first(data_dir);
                let free = |number: &u8| !is_noted(*number, data_dir);
                let (free, kept): (Vec<u8>, Vec<u8>) = (first..RANGES).chain(0..first).partition(free);
                // Those of clusters that are stopped come last.
                for number in free.into_iter().chain(kept) {
                    let Ok(ranges) = mark(number).await else { continue };
                    std::fs::create_dir_all(data_dir).map_err(file)?;
                    std::fs::write(&path, format!("{number}\n")).map_err(file)?;
                    note(number, data_dir);
                    return Ok(ranges);
                }
                Err(RangeError::None)
            }
            Err(error) => Err(file(error)),
        }
    }
}

/// Where it is noted for the machine which directory has a number; nowhere if this user has no such place.
fn notes() -> Option<PathBuf> {
    let run = if rustix::process::geteuid().is_root() {
        PathBuf::from("/run")
    } else {
        PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty())?)
    };
    Some(run.join("stanchion").join("network-ranges"))
}

/// Notes which directory has a number.
fn note(number: u8, data_dir: &Path) {
    let Some(notes) = notes() else { return };
    let path = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let written = std::fs::create_dir_all(&notes)
        .and_then(|()| std::fs::write(notes.join(number.to_string()), path.as_os_str().as_encoded_bytes()));
    if let Err(error) = written {
        tracing::debug!(path = %notes.display(), %error, "cannot note for the machine which addresses are taken");
    }
}

/// Returns whether another directory is noted for a number, and still has it.
fn is_noted(number: u8, data_dir: &Path) -> bool {
    let Some(text) = notes().and_then(|notes| std::fs::read_to_string(notes.join(number.to_string())).ok())
    else {
        return false;
    };
    let own = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let has = std::fs::read_to_string(Path::new(&text).join(FILE))
        .is_ok_and(|kept| kept.trim() == number.to_string());
    Path::new(&text) != own && has
}

/// Returns the number that a new cluster tries first.
fn first(data_dir: &Path) -> u8 {
    let path = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    u8::try_from(hasher.finish() % u64::from(RANGES)).unwrap_or(0)
}

async fn mark(number: u8) -> io::Result<Ranges> {
    let (third, fourth, port) = MARK;
    let address = SocketAddr::from(([127, FIRST.1 + number, third, fourth], port));
    let mark = TcpListener::bind(address).await?;
    Ok(Ranges { pods: network(FIRST.0 + number), services: network(FIRST.1 + number), _mark: mark })
}

fn network(second: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(127, second, 0, 0), PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cluster_keeps_its_addresses_and_others_have_others() {
        let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let first = Ranges::take(one.path()).await.expect("addresses");
        let second = Ranges::take(other.path()).await.expect("addresses");
        assert_ne!(first.services, second.services);
        let taken = Ranges::take(one.path()).await.expect_err("a cluster runs once");
        assert!(matches!(taken, RangeError::Taken { services } if services == first.services), "{taken}");
        let before = (first.pods, first.services);
        drop(first);
        let again = Ranges::take(one.path()).await.expect("addresses");
        assert_eq!((again.pods, again.services), before);
    }

    #[tokio::test]
    async fn a_stopped_cluster_is_remembered_as_long_as_it_is_there() {
        let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let number =
            Ranges::take(one.path()).await.expect("addresses").services.network().octets()[1] - FIRST.1;
        // Whether notes can be taken depends on who runs the test.
        let notes = notes().filter(|notes| notes.join(number.to_string()).exists());
        assert_eq!(is_noted(number, other.path()), notes.is_some());
        assert!(!is_noted(number, one.path()), "its own number is free for itself");
        std::fs::remove_dir_all(one.path()).expect("it can be removed");
        assert!(!is_noted(number, other.path()));
    }

    #[test]
    fn new_clusters_begin_at_different_numbers() {
        let numbers = (0..100).map(|number| first(Path::new(&format!("/clusters/{number}"))));
        let numbers: std::collections::BTreeSet<u8> = numbers.collect();
        assert!(numbers.len() > 16 && numbers.iter().all(|number| *number < RANGES), "{numbers:?}");
    }

    #[tokio::test]
    async fn what_is_no_number_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), "99\n").expect("a file");
        let error = Ranges::take(folder.path()).await.expect_err("99 is too much");
        assert!(error.to_string().contains("network-range"), "{error}");
    }
}
