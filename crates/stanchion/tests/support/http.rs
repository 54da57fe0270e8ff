//! One HTTP request, without a library: HTTP/1.0, so that the answer ends with the connection.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Gets a path from HOST:PORT, which has to answer.
pub(crate) async fn get(endpoint: &str, path: &str) -> Answer {
    try_get(endpoint, path).await.unwrap_or_else(|error| panic!("no answer from {endpoint}{path}: {error}"))
}

/// Gets a path from HOST:PORT.
pub(crate) async fn try_get(endpoint: &str, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(endpoint).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {endpoint}\r\n\r\n").as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes);
    let no_http = || io::Error::other(format!("no HTTP: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(no_http)?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(no_http)?;
    Ok(Answer { code, head: head.to_owned(), body: body.to_owned() })
}
