//! What is read of a kubeconfig: the server of the current context, its authority, the user's certificate or token.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use stanchion_machinery::json::decode_yaml;

/// Where a server is and how to come in.
#[derive(Debug)]
pub struct Kubeconfig {
    /// `host:port`.
    pub authority: String,
    pub ca_pem: Vec<u8>,
    pub identity: Identity,
}

/// Who the client is.
#[derive(Debug)]
pub enum Identity {
    Certificate { cert_pem: Vec<u8>, key_pem: Vec<u8> },
    Token(String),
}

impl Kubeconfig {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Self::parse(&text, &dir).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &[u8], dir: &Path) -> Result<Self> {
        let config = decode_yaml(text)?.value;
        let wanted = config["current-context"].as_str().unwrap_or("");
        let context = &named(&config["contexts"], wanted)?["context"];
        let cluster = named(&config["clusters"], context["cluster"].as_str().unwrap_or(""))?;
        let user = named(&config["users"], context["user"].as_str().unwrap_or(""))?;
        let (cluster, user) = (&cluster["cluster"], &user["user"]);
        let server = cluster["server"].as_str().unwrap_or("").trim_end_matches('/');
        let address = server.strip_prefix("https://").context("the server is not an https:// URL")?;
        let authority = if has_port(address) { address.to_owned() } else { format!("{address}:443") };
        let identity = match user["token"].as_str() {
            Some(token) => Identity::Token(token.to_owned()),
            None => Identity::Certificate {
                cert_pem: data(user, "client-certificate", dir)?,
                key_pem: data(user, "client-key", dir)?,
            },
        };
        Ok(Self { authority, ca_pem: data(cluster, "certificate-authority", dir)?, identity })
    }

    /// Returns the host without its port, and without the brackets of IPv6.
    pub fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

fn has_port(address: &str) -> bool {
    let behind = address.rsplit_once(']').map_or(address, |(_, behind)| behind);
    behind.contains(':')
}

fn named<'a>(list: &'a Value, name: &str) -> Result<&'a Value> {
    let mut entries = list.as_array().into_iter().flatten();
    entries.find(|entry| entry["name"].as_str() == Some(name)).with_context(|| format!("no entry {name:?}"))
}

/// Reads what stands inline as base64, or in a file.
fn data(of: &Value, key: &str, dir: &Path) -> Result<Vec<u8>> {
    if let Some(inline) = of[format!("{key}-data")].as_str() {
        return STANDARD.decode(inline).with_context(|| format!("{key}-data is not base64"));
    }
    let Some(file) = of[key].as_str() else { bail!("no {key}: neither inline nor as a file") };
    let file: PathBuf = dir.join(file);
    std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "
current-context: here
contexts: [{name: here, context: {cluster: one, user: me}}]
clusters: [{name: one, cluster: {server: 'https://[::1]:6443/', certificate-authority-data: Y2E=}}]
users: [{name: me, user: {client-certificate-data: Y2VydA==, client-key-data: a2V5}}]
";

    #[test]
    fn the_current_context_counts() {
        let config = Kubeconfig::parse(CONFIG.as_bytes(), Path::new("")).expect("it is whole");
        assert_eq!((config.authority.as_str(), config.host()), ("[::1]:6443", "::1"));
        assert_eq!(config.ca_pem, b"ca");
        assert!(matches!(config.identity, Identity::Certificate { cert_pem, .. } if cert_pem == b"cert"));
        assert!(Kubeconfig::parse(b"current-context: nowhere", Path::new("")).is_err());
    }
}
