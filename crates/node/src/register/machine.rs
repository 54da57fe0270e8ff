//! What this machine is and has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stanchion_machinery::quantity::Quantity;
use stanchion_node_core::capacity::Amounts;

use crate::error::NodeError;
use crate::options::Options;

/// What this machine is and has.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Memory in bytes.
    pub(crate) memory: i64,
    processors: i64,
    /// Space of the file system that has the state directory, in bytes.
    storage: i64,
    kernel: String,
    system: String,
    /// The id of the installation.
    hardware: String,
    boot_id: String,
}

impl Machine {
    /// Looks at the machine; makes the state directory, of which the file system counts.
    pub(crate) fn read(options: &Options) -> Result<Self, NodeError> {
        let failed = |source| NodeError::State { path: options.state.clone(), source };
        fs::create_dir_all(&options.state).map_err(failed)?;
        let path = PathBuf::from("/proc/meminfo");
        let table =
            fs::read_to_string(&path).map_err(|source| NodeError::Machine { path: path.clone(), source })?;
        let space = rustix::fs::statvfs(&options.state).map_err(|errno| failed(io::Error::from(errno)))?;
        let kernel = rustix::system::uname();
        Ok(Self {
            memory: kibibytes(&table, "MemTotal").unwrap_or(0) * 1024,
            processors: std::thread::available_parallelism()
                .map_or(1, |n| i64::try_from(n.get()).unwrap_or(1)),
            storage: i64::try_from(space.f_blocks.saturating_mul(space.f_frsize)).unwrap_or(i64::MAX),
            kernel: kernel.release().to_string_lossy().into_owned(),
            system: system(&read("/etc/os-release")),
            hardware: read("/etc/machine-id"),
            boot_id: read("/proc/sys/kernel/random/boot_id"),
        })
    }

    /// Returns what it has, of all that is counted.
    pub(crate) fn capacity(&self, options: &Options) -> Amounts {
        let of = [
            ("cpu", self.processors),
            ("memory", self.memory),
            ("ephemeral-storage", self.storage),
            ("pods", options.max_pods),
        ];
        of.into_iter()
            .map(|(name, amount)| {
                let text = if name == "memory" || name == "ephemeral-storage" {
                    format!("{}Ki", amount / 1024)
                } else {
                    amount.to_string()
                };
                let amount = Quantity::parse(&text).unwrap_or_else(|_| Quantity::new(amount));
                (name.to_owned(), amount)
            })
            .collect()
    }

    /// Returns what it is, as it stands in a status.
    pub(crate) fn info(&self) -> Value {
        json!({
            "architecture": architecture(),
            "bootID": self.boot_id,
            "containerRuntimeVersion": format!("stanchion://{}", env!("CARGO_PKG_VERSION")),
            "kernelVersion": self.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": format!("v1.36.0-stanchion.{}", env!("CARGO_PKG_VERSION")),
            "machineID": self.hardware,
            "operatingSystem": "linux",
            "osImage": self.system,
            "systemUUID": self.hardware,
        })
    }
}

/// Returns the architecture in Go's words.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Reads a number of the table of memory.
pub(crate) fn kibibytes(table: &str, name: &str) -> Option<i64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

fn system(release: &str) -> String {
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    pretty.map_or("Linux", |name| name.trim_matches('"')).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_machine_are_read() {
        let table = "MemTotal:        8131584 kB\nMemFree:          123 kB\n";
        assert_eq!(kibibytes(table, "MemTotal"), Some(8_131_584));
        assert_eq!(kibibytes(table, "Mem"), None);
        assert_eq!(system("NAME=x\nPRETTY_NAME=\"Debian 13\"\n"), "Debian 13");
    }
}
