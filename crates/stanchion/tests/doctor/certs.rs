//! What the doctor says of certificates, made with openssl as people make them.

use std::path::Path;

use crate::report::{doctor, found};
use crate::support::command::run;
use crate::support::server::folder;

/// Runs openssl in a directory.
async fn openssl(directory: &Path, words: &str) {
    let mut command = tokio::process::Command::new("openssl");
    run(command.current_dir(directory).args(words.split_whitespace())).await.done();
}

/// Makes an authority, and a certificate of it that is valid for so many days.
async fn make(directory: &Path, name: &str, days: u32) {
    if !directory.join("ca.crt").exists() {
        let words =
            "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=kubernetes -keyout ca.key -out ca.crt";
        openssl(directory, words).await;
    }
    let words = format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr");
    openssl(directory, &words).await;
    let words = format!(
        "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days {days} -out {name}.crt"
    );
    openssl(directory, &words).await;
}

#[tokio::test]
async fn files_that_end_and_that_do_not() {
    let folder = folder();
    make(folder.path(), "young", 365).await;
    let directory = folder.path().to_str().expect("a path");
    let (outcome, report) = doctor(&["--cert-dir", directory]).await;
    assert_eq!((outcome.code, &report["findings"]), (Some(0), &serde_json::json!([])), "{report:#}");
    make(folder.path(), "ends-soon", 10).await;
    make(folder.path(), "ends-tomorrow", 1).await;
    std::fs::copy(folder.path().join("young.key"), folder.path().join("ends-soon.key")).expect("another key");
    let (outcome, report) = doctor(&["--cert-dir", directory]).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(found(&report, "critical"), ["certs/expiry", "certs/key"], "{report:#}");
    assert_eq!(found(&report, "warning"), ["certs/expiry"], "{report:#}");
    assert!(
        report["findings"][0]["subject"]["name"]
            .as_str()
            .is_some_and(|name| name.ends_with("ends-tomorrow.crt"))
    );
}
