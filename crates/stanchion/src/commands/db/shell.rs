//! `stanchion db shell`: the SQL client of this machine, as the application's user.
//!
//! The client takes this process over. It reads the password from a file in memory that only it has, so that it stands
//! neither in its arguments, nor in its environment, nor on a disk.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Seek as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context, anyhow};
use clap::Args;
use k8s_openapi::api::core::v1::Pod;
use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
use stanchion_api::names;
use stanchion_rehearse::Access;

use super::clusters::{Clusters, Place, reachable};
use super::logs;
use crate::error::Failure;
use crate::exit::Exit;

/// The clients, by their names of now and of old.
const CLIENTS: [&str; 2] = ["mariadb", "mysql"];
/// The socket of the database in its container.
const SOCKET: &str = "/var/lib/mysql/mariadb.sock";

/// Where to.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cluster.
    name: String,
    /// An instance, such as orders-1; by default whoever is primary, through the Service.
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<String>,
    /// Arguments for the client, behind `--`, such as `-- -e 'SELECT 1'`.
    #[arg(last = true, value_name = "ARGUMENTS")]
    client: Vec<OsString>,
    #[command(flatten)]
    place: Place,
}

/// Becomes the client.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let clusters = arguments.place.open().await?;
    let cluster = clusters.get(&arguments.name).await?;
    let mut access = clusters.application(&arguments.name).await?;
    if let Some(given) = &arguments.instance {
        let instance = logs::instance(&cluster, &arguments.name, Some(given))?;
        access.host = pod_address(&clusters, &instance).await?.to_string();
    }
    let host: IpAddr = access.host.parse().context("an address is one")?;
    if let Err(error) = reachable(SocketAddr::new(host, access.port)).await {
        let pod = logs::instance(&cluster, &arguments.name, arguments.instance.as_deref());
        return Err(unreachable(&access, &clusters, &pod.unwrap_or_else(|_| "POD".to_owned()), error));
    }
    let file = defaults(&access).context("cannot make a file in memory for the password")?;
    Err(become_client(&file, arguments))
}

async fn pod_address(clusters: &Clusters, instance: &str) -> Result<IpAddr, Failure> {
    let pod: Pod = clusters.object(instance).await?;
    let address = pod.status.and_then(|status| status.pod_ip);
    let address = address.and_then(|ip| ip.parse().ok());
    Ok(address.with_context(|| format!("Pod {instance} has no address yet"))?)
}

fn unreachable(access: &Access, clusters: &Clusters, pod: &str, error: io::Error) -> Failure {
    let place = format!("{}:{}", access.host, access.port);
    if error.kind() == ErrorKind::ConnectionRefused {
        let error = anyhow!(error)
            .context(format!("nobody takes connections at {place}; there may be no primary now"));
        return Failure::new(Exit::Unavailable, error).hint("stanchion db status");
    }
    let what = format!("{place} cannot be reached from this machine: it is an address within the cluster");
    let hint = format!(
        "kubectl exec -it -n {} {pod} -c {} -- mariadb --socket={SOCKET} --user={} --password {}",
        clusters.namespace(),
        names::CONTAINER,
        access.user,
        access.database
    );
    Failure::new(Exit::Unavailable, anyhow!(error).context(what)).hint(hint)
}

/// Makes the client's option file. Whoever is started by this process can read it, and nobody else.
fn defaults(access: &Access) -> io::Result<File> {
    // Not closed on exec: the client is to have it.
    let file = memfd_create("stanchion-client.cnf", MemfdFlags::empty())?;
    // Clients ignore option files that others may write to.
    fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(file);
    file.write_all(options(access).as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn options(access: &Access) -> String {
    let Access { host, port, user, password, database } = access;
    let (user, password, database) = (quoted(user), quoted(password.expose()), quoted(database));
    format!(
        "[client]\nhost={host}\nport={port}\nprotocol=tcp\nssl\nuser={user}\npassword={password}\n[mysql]\ndatabase={database}\n"
    )
}

/// Quotes a value as option files want it.
fn quoted(text: &str) -> String {
    let escaped = text.chars().fold(String::new(), |mut all, letter| {
        match letter {
            '\n' => all.push_str("\\n"),
            '\r' => all.push_str("\\r"),
            '"' | '\\' => all.extend(['\\', letter]),
            other => all.push(other),
        }
        all
    });
    format!("\"{escaped}\"")
}

/// Starts the client in place of this process; returns only if that fails.
fn become_client(file: &File, arguments: &Arguments) -> Failure {
    let defaults = format!("--defaults-file=/proc/self/fd/{}", file.as_raw_fd());
    for program in CLIENTS {
        let error = Command::new(program).arg(&defaults).args(&arguments.client).exec();
        if error.kind() != ErrorKind::NotFound {
            return Failure::new(Exit::Failure, anyhow!(error).context(format!("cannot start {program}")));
        }
    }
    Failure::new(Exit::Failure, anyhow!("there is no SQL client on this machine"))
        .hint("install mariadb-client (Debian: apt-get install mariadb-client)")
}

#[cfg(test)]
mod tests {
    use stanchion_rehearse::Password;

    use super::*;

    #[test]
    fn the_client_reads_what_was_meant() {
        let access = Access {
            host: "127.0.0.1".to_owned(),
            port: 3306,
            user: "app".to_owned(),
            password: Password::new("a#b\"c\\d 'e' "),
            database: "app".to_owned(),
        };
        let file = defaults(&access).expect("a file in memory");
        let mut command = Command::new("my_print_defaults");
        command.arg(format!("--defaults-file=/proc/self/fd/{}", file.as_raw_fd())).args(["client", "mysql"]);
        let output = command.output().expect("the client's packages are installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = [
            "--host=127.0.0.1",
            "--port=3306",
            "--protocol=tcp",
            "--ssl",
            "--user=app",
            "--password=a#b\"c\\d 'e' ",
            "--database=app",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn values_are_quoted() {
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\n\"");
    }
}
