//! Authorities made with openssl, as people make them.

use std::path::Path;

use crate::support::command::run;

/// Makes an authority that is valid for so many days in `ca.crt` and `ca.key`.
pub(crate) async fn authority(directory: &Path, days: u32) {
    let words = format!(
        "req -x509 -newkey rsa:2048 -nodes -days {days} -subj /CN=webhooks -keyout ca.key -out ca.crt"
    );
    let mut command = tokio::process::Command::new("openssl");
    run(command.current_dir(directory).args(words.split_whitespace())).await.done();
}

/// Makes a certificate of the authority in a directory, for names as openssl writes them.
pub(crate) async fn leaf(directory: &Path, file: &str, names: &str, days: u32) {
    let words = format!(
        "req -x509 -newkey rsa:2048 -nodes -days {days} -subj /CN={file} -addext subjectAltName={names} -CA ca.crt -CAkey ca.key \
         -keyout {file}.key -out {file}.crt"
    );
    let mut command = tokio::process::Command::new("openssl");
    run(command.current_dir(directory).args(words.split_whitespace())).await.done();
}
