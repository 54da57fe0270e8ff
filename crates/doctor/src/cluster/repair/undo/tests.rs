use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use stanchion_doctor_core::TargetKind;

use super::*;

fn target(name: &str) -> Target {
    Target { kind: TargetKind::Deployment, namespace: Some("shop".to_owned()), name: name.to_owned() }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn what_was_done_last_is_undone_first() {
    let folder = tempfile::tempdir().expect("a directory");
    let home = folder.path().join("notes");
    let mut notes = UndoNotes::new(home.clone(), "kubectl --context=c".to_owned());
    assert_eq!(notes.directory(), None);
    let patch = [json!({"op": "remove", "path": "/spec/x"})];
    let first =
        notes.write(&target("web"), &json!({"spec": {}}), &patch, false).expect("a note").expect("a command");
    assert!(
        first.starts_with(
            "kubectl --context=c patch --namespace=shop deployment/web --type=json --patch-file="
        ),
        "{first}"
    );
    let made = notes.write(&target("db"), &Value::Null, &[], true).expect("a note").expect("a command");
    assert_eq!(made, "kubectl --context=c delete --namespace=shop deployment/db");
    assert_eq!(notes.write(&target("gone"), &json!({"kind": "x"}), &[], false).expect("a note"), None);
    let script = std::fs::read_to_string(home.join(SCRIPT)).expect("a script");
    let lines: Vec<&str> = script.lines().skip(2).collect();
    assert!(lines[0].starts_with("# Deployment shop/gone was deleted"), "{script}");
    assert_eq!(lines[1..], [made, first]);
    assert_eq!((mode(&home), mode(&home.join("01-deployment-shop-web.before.json"))), (0o700, 0o600));
    assert_eq!(mode(&home.join(SCRIPT)), 0o600);

    let mut others = UndoNotes::new(home.clone(), "kubectl".to_owned());
    others.write(&target("web"), &json!({}), &patch, false).expect("a note");
    assert_eq!(
        others.directory(),
        Some(folder.path().join("notes-2").as_path()),
        "another one of the same second"
    );
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("it is written");
    let mut nowhere = UndoNotes::new(file.join("notes"), "kubectl".to_owned());
    assert!(nowhere.write(&target("web"), &json!({}), &patch, false).is_err());
}

#[test]
fn what_was_not_done_is_not_undone() {
    let folder = tempfile::tempdir().expect("a directory");
    let home = folder.path().join("notes");
    let mut notes = UndoNotes::new(home.clone(), "kubectl".to_owned());
    let patch = [json!({"op": "remove", "path": "/spec/x"})];
    notes.write(&target("web"), &json!({}), &patch, false).expect("a note");
    let script = std::fs::read_to_string(home.join(SCRIPT)).expect("a script");
    for _ in 0..2 {
        notes.write(&target("db"), &json!({}), &patch, false).expect("a note");
        notes.take_back().expect("it is taken back");
        assert_eq!(std::fs::read_to_string(home.join(SCRIPT)).expect("a script"), script);
    }
    assert_eq!(std::fs::read_dir(&home).expect("a directory").count(), 3, "of the first alone");
    notes.take_back().expect("it is taken back");
    assert!(!home.exists() && notes.directory().is_none(), "nothing was done");
    notes.write(&target("web"), &json!({}), &patch, false).expect("a note");
    assert_eq!(notes.directory(), Some(home.as_path()));
}

#[test]
fn words_are_quoted_for_a_shell() {
    assert_eq!(quoted("/etc/kubernetes/admin.conf"), "/etc/kubernetes/admin.conf");
    assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
}
