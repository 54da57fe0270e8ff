//! A server of a test's own, in a temporary directory, at a port of its own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use stanchion_rehearse::{Access, Password};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(10);

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    pub(crate) access: Access,
    process: Child,
    dir: TempDir,
}

impl Server {
    /// Initializes and starts one with an account for applications.
    pub(crate) async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        // Clients come from 127.0.0.1: there, one that connects while nobody listens may get the server's own port.
        let [.., high, low] = std::process::id().to_be_bytes();
        let host = Ipv4Addr::new(127, 77, high, low.max(1));
        let port = TcpListener::bind((host, 0))?.local_addr()?.port();
        let path = dir.path().display();
        // A server that starts removes the temporary tables of all others in its directory for them.
        fs::create_dir(dir.path().join("tmp"))?;
        let mut options = format!(
            "[mariadbd]\ndatadir={path}/data\nsocket={path}/socket\npid-file={path}/pid\nlog-error={path}/log\n\
             tmpdir={path}/tmp\nbind-address={host}\nport={port}\nskip_name_resolve=ON\ninnodb_log_file_size=16M\n\
             innodb_buffer_pool_size=16M\n"
        );
        let account = account()?;
        if account == "root" {
            options += "user=root\n";
        }
        fs::write(dir.path().join("my.cnf"), options)?;
        let mut install = Command::new("mariadb-install-db");
        install.arg(format!("--defaults-file={path}/my.cnf"));
        install.args(["--auth-root-authentication-method=socket", "--skip-test-db"]);
        install.arg(format!("--auth-root-socket-user={account}"));
        let done = timeout(LIMIT, install.kill_on_drop(true).output()).await??;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        let access = Access {
            host: host.to_string(),
            port,
            user: "app".to_owned(),
            password: Password::new("not-a-secret"),
            database: "app".to_owned(),
        };
        let mut server = Self { access, process: spawn(&dir)?, dir };
        server.answers().await?;
        server.sql("CREATE DATABASE app").await?;
        server.sql("CREATE USER app@'%' IDENTIFIED BY 'not-a-secret'").await?;
        server.sql("GRANT ALL ON app.* TO app@'%'").await?;
        Ok(server)
    }

    /// Waits for its end and starts it again.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        timeout(LIMIT, self.process.wait()).await.context("it has not ended")??;
        self.process = spawn(&self.dir)?;
        self.answers().await
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        self.process.id().context("it has ended")
    }

    pub(crate) async fn sql(&self, statement: &str) -> Result<String> {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--batch", "--skip-column-names", "--execute", statement]);
        client.arg(format!("--socket={}", self.socket().display())).kill_on_drop(true);
        let output = timeout(LIMIT, client.output()).await??;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits until the application has so many connections.
    pub(crate) async fn connections(&self, count: u32) -> Result<()> {
        let began = Instant::now();
        let query = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'";
        while self.sql(query).await?.trim() != count.to_string() {
            ensure!(began.elapsed() < LIMIT, "nobody connects");
            sleep(LOOK).await;
        }
        Ok(())
    }

    async fn answers(&mut self) -> Result<()> {
        let began = Instant::now();
        while self.sql("SELECT 1").await.is_err() {
            let ended = self.process.try_wait()?;
            ensure!(ended.is_none() && began.elapsed() < LIMIT, "it does not answer ({ended:?})");
            sleep(LOOK).await;
        }
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }
}

fn spawn(dir: &TempDir) -> Result<Child> {
    let mut command = Command::new("mariadbd");
    command.arg(format!("--defaults-file={}/my.cnf", dir.path().display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.kill_on_drop(true).spawn()?)
}

/// Returns the name of the account of this process.
fn account() -> Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)).context("Uid")?;
    let accounts = fs::read_to_string("/etc/passwd")?;
    let found = accounts.lines().find(|line| line.split(':').nth(2) == Some(number));
    Ok(found.and_then(|line| line.split(':').next()).context("no account")?.to_owned())
}
