//! Kubeconfig files, with which kubectl and others find the server and show who they are.
//!
//! A file that somebody else wrote is never overwritten.

use std::path::{Path, PathBuf};
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::pki::files;

/// The first line of every file written here, by which it is known again.
const MARKER: &str =
    "# Written by stanchion, and written again at the next start: copy it before changing it.";
/// The usual name of cluster, user and context.
pub(crate) const NAME: &str = "stanchion";

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// Somebody else wrote the file, or changed it.
    #[error(
        "{path} was not written by stanchion and is left alone; move it away, or name another file for the kubeconfig"
    )]
    Foreign { path: PathBuf },
    /// The file cannot be read or written.
    #[error("cannot write the kubeconfig {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What a file says.
#[derive(Clone, Copy)]
pub(crate) struct Kubeconfig<'a> {
    /// Where the server is, such as `https://127.0.0.1:6443`.
    pub(crate) server: &'a str,
    pub(crate) ca_pem: &'a str,
    pub(crate) cert_pem: &'a str,
    pub(crate) key_pem: &'a str,
    pub(crate) cluster: &'a str,
    pub(crate) user: &'a str,
    pub(crate) context: &'a str,
}

/// Writes a file that only its owner may read.
pub(crate) fn write(path: &Path, kubeconfig: &Kubeconfig<'_>) -> Result<(), KubeconfigError> {
    let failed = |source| KubeconfigError::Write { path: path.to_owned(), source };
    match fs::read(path) {
        Ok(found) if !found.starts_with(MARKER.as_bytes()) => {
            return Err(KubeconfigError::Foreign { path: path.to_owned() });
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(_) | Err(_) => {}
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        files::make_directory(parent).map_err(failed)?;
    }
    files::write(path, text(kubeconfig).as_bytes(), files::PRIVATE).map_err(failed)
}

fn text(kubeconfig: &Kubeconfig<'_>) -> String {
    let Kubeconfig { server, ca_pem, cert_pem, key_pem, cluster, user, context } = kubeconfig;
    let [ca, cert, key] = [ca_pem, cert_pem, key_pem].map(|pem| STANDARD.encode(pem));
    // Strings of JSON are strings of YAML, whatever stands in them.
    let [server, cluster, user, context] =
        [server, cluster, user, context].map(|text| json!(text).to_string());
    format!(
        "{MARKER}
apiVersion: v1
kind: Config
clusters:
- name: {cluster}
  cluster:
    server: {server}
    certificate-authority-data: {ca}
contexts:
- name: {context}
  context:
    cluster: {cluster}
    user: {user}
current-context: {context}
users:
- name: {user}
  user:
    client-certificate-data: {cert}
    client-key-data: {key}
"
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const CONFIG: Kubeconfig<'_> = Kubeconfig {
        server: "https://127.0.0.1:6443",
        ca_pem: "the authority",
        cert_pem: "the certificate",
        key_pem: "the key",
        cluster: NAME,
        user: "o'neil: \"x\"",
        context: NAME,
    };

    #[test]
    fn files_say_where_and_who_and_are_written_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("below/admin.conf");
        write(&path, &CONFIG).expect("written");
        write(&path, &Kubeconfig { server: "https://[::1]:1", ..CONFIG }).expect("written again");
        let text = fs::read_to_string(&path).expect("readable");
        for line in [
            "\ncurrent-context: \"stanchion\"\n",
            "\n    server: \"https://[::1]:1\"\n",
            "\n    user: \"o'neil: \\\"x\\\"\"\n",
            "\n    certificate-authority-data: dGhlIGF1dGhvcml0eQ==\n",
            "\n    client-certificate-data: dGhlIGNlcnRpZmljYXRl\n",
            "\n    client-key-data: dGhlIGtleQ==\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config");
        for foreign in ["apiVersion: v1\n", ""] {
            fs::write(&path, foreign).expect("written");
            let error = write(&path, &CONFIG).expect_err("not ours").to_string();
            assert!(error.contains("config was not written by stanchion"), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("readable"), foreign);
        }
        assert!(matches!(write(dir.path(), &CONFIG), Err(KubeconfigError::Write { .. })));
    }
}
