//! Requests to a REST interface of a peer on this machine.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time;

/// A process that does not answer within this is not asked any longer.
const LIMIT: Duration = Duration::from_secs(1);
/// No answer is as long as this.
const LONGEST: u64 = 1 << 20;

/// Reads a JSON document, whatever the code of the answer.
pub(crate) async fn get(server: SocketAddr, path: &str) -> Result<Value> {
    time::timeout(LIMIT, exchange(server, path)).await.with_context(|| format!("{server}{path} is silent"))?
}

async fn exchange(server: SocketAddr, path: &str) -> Result<Value> {
    let mut stream = TcpStream::connect(server).await?;
    // In this version of HTTP the end of the answer is the end of the connection.
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    let read = stream.take(LONGEST).read_to_string(&mut answer).await?;
    ensure!(u64::try_from(read)? < LONGEST, "the answer is too long");
    let (_, body) = answer.split_once("\r\n\r\n").context("it is no answer of HTTP")?;
    Ok(serde_json::from_str(body)?)
}
