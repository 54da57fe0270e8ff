use serde_json::{Value, json};

use crate::checks::given::{ago, facts, finds, found, found_in};
use crate::facts::kube::said::LastLines;
use crate::severity::Severity;

fn pod(status: &Value) -> Value {
    json!({"kind": "Pod", "metadata": {"name": "p", "namespace": "a", "creationTimestamp": ago(9_000),
        "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
        "spec": {"nodeName": "n", "restartPolicy": "Always", "containers": [{"name": "db"}]},
        "status": {"phase": "Running", "containerStatuses": [status]}})
}

fn looping(code: i32, reason: &str) -> Value {
    json!({"name": "db", "restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": code, "reason": reason, "startedAt": ago(130), "finishedAt": ago(120)}}})
}

#[test]
fn the_end_says_what_to_do() {
    for (code, reason, summary, advice) in [
        (137, "OOMKilled", "it used more memory than it may", "limit"),
        (137, "Error", "it was killed", "liveness"),
        (127, "StartError", "its command is not there", "compare"),
        (0, "Completed", "it ends well", "Job"),
        (1, "Error", "it ends with the code 1", "kubectl logs"),
    ] {
        let finding = finds("pods/crashing", Severity::Critical, &[pod(&looping(code, reason))]);
        assert_eq!(finding.summary, format!("its container db ends again and again: {summary}"));
        assert!(finding.advice.contains(advice), "{finding:#?}");
        assert_eq!(finding.subject.to_string(), "StatefulSet a/db");
    }
}

#[test]
fn restarts_of_late_count_and_old_ones_do_not() {
    let status = |restarts: u32, age: i64| {
        json!({"name": "db", "restartCount": restarts, "state": {"running": {"startedAt": ago(age)}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": ago(age + 50), "finishedAt": ago(age)}}})
    };
    finds("pods/crashing", Severity::Warning, &[pod(&status(6, 600))]);
    assert_eq!(found(&[pod(&status(60, 7_200))]), []);
    assert_eq!(found(&[pod(&status(2, 60))]), []);
    let mut over = pod(&looping(1, "Error"));
    over["status"]["phase"] = json!("Failed");
    assert_eq!(found(&[over]), []);
}

#[test]
fn last_words_are_evidence() {
    let mut facts = facts(&[pod(&looping(1, "Error"))]);
    facts.kube.last_lines.push(LastLines {
        namespace: "a".to_owned(),
        pod: "p".to_owned(),
        container: "db".to_owned(),
        lines: vec!["cannot lock".to_owned(), "bye".to_owned()],
    });
    let finding = found_in(&facts).remove(0);
    let said = finding.evidence.iter().find(|one| one.what == "its last lines").expect("they are there");
    assert_eq!(said.value, "cannot lock\nbye");
}
