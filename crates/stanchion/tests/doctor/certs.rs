//! What the doctor says of certificates, made with openssl as people make them.

use std::path::Path;

use crate::report::{doctor, found};
use crate::support::command::{run, spawn};
use crate::support::server::{folder, lasting_port};
use crate::support::wait_for;

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

#[tokio::test]
async fn what_cannot_be_verified_is_not_found_to_be_wrong() {
    let folder = folder();
    for (curve, expected) in [("secp521r1", &[][..]), ("prime256v1", &["certs/chain"][..])] {
        // Two authorities of one name, of which the second did not sign it.
        let directory = folder.path().join(curve);
        std::fs::create_dir(&directory).expect("a directory");
        for (name, days) in [("ca", 3650), ("other", 3650)] {
            let key = format!("ecparam -name {curve} -genkey -noout -out {name}.key");
            openssl(&directory, &key).await;
            let words =
                format!("req -x509 -key {name}.key -days {days} -subj /CN=kubernetes -out {name}.crt");
            openssl(&directory, &words).await;
        }
        make(&directory, "young", 365).await;
        std::fs::remove_file(directory.join("ca.crt")).expect("it was there");
        let (_, report) = doctor(&["--cert-dir", directory.to_str().expect("a path")]).await;
        assert_eq!(found(&report, "critical"), expected, "{curve}: {report:#}");
    }
}

#[tokio::test]
async fn what_a_server_shows() {
    let folder = folder();
    make(folder.path(), "127.0.0.1", 3).await;
    let server = format!("127.0.0.1:{}", lasting_port());
    let mut command = tokio::process::Command::new("openssl");
    let words = format!("s_server -quiet -accept {server} -cert 127.0.0.1.crt -key 127.0.0.1.key");
    command.current_dir(folder.path()).args(words.split_whitespace()).kill_on_drop(true);
    let _server = spawn(command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()));
    let report = wait_for("the server shows its certificate", async || {
        let (outcome, report) = doctor(&["--tls-server", &server]).await;
        (outcome.code == Some(1)).then_some(report)
    })
    .await;
    // It ends soon, and names no address that clients would accept.
    assert_eq!(found(&report, "critical"), ["certs/expiry", "certs/names"], "{report:#}");
    assert_eq!(report["findings"][0]["subject"]["name"], server.as_str());
    let (outcome, report) = doctor(&["--tls-server", "127.0.0.1:1"]).await;
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(report["notRun"].to_string().contains("cannot connect"), "{report:#}");
}
