use serde_json::{Value, json};

use super::*;
use crate::sample::{HOSTILE, document, report};

fn log() -> Value {
    let report = report();
    serde_json::from_str(&sarif(&document(&report))).expect("it is JSON")
}

#[test]
fn invariant_it_has_what_the_schema_requires() {
    let log = log();
    assert_eq!(log["version"], "2.1.0");
    let runs = log["runs"].as_array().expect("required: runs");
    for run in runs {
        assert!(run["tool"]["driver"]["name"].is_string(), "required: tool, driver, name");
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        for rule in rules {
            assert!(rule["id"].is_string(), "required: id of {rule}");
        }
        for result in run["results"].as_array().expect("results") {
            assert!(result["message"]["text"].is_string(), "required: message of {result}");
            let index = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok());
            assert_eq!(
                rules[index.expect("an index")]["id"],
                result["ruleId"],
                "the index is that of the rule"
            );
            assert!(["error", "warning", "note"].iter().any(|level| result["level"] == *level), "{result}");
            let fingerprint =
                result["partialFingerprints"]["stanchionDoctor/v1"].as_str().expect("a fingerprint");
            assert_eq!(fingerprint.len(), 32);
        }
        for invocation in run["invocations"].as_array().expect("invocations") {
            assert!(invocation["executionSuccessful"].is_boolean(), "required: executionSuccessful");
            for told in invocation["toolExecutionNotifications"].as_array().expect("what was not read") {
                assert!(told["message"]["text"].is_string(), "required: message of {told}");
            }
        }
    }
}

#[test]
fn severities_are_levels_and_objects_are_places() {
    let log = log();
    let results = log["runs"][0]["results"].as_array().expect("results");
    let levels: Vec<_> = results.iter().map(|result| result["level"].as_str().expect("a level")).collect();
    assert_eq!(levels, ["error", "warning", "note", "error"]);
    let place = &results[1]["locations"][2]["logicalLocations"][0];
    assert_eq!(*place, json!({"name": "m1", "fullyQualifiedName": "etcd member/m1", "kind": "resource"}));
    assert_eq!(results[1]["properties"]["count"], 40);
    assert_eq!(results[0]["suppressions"], json!([]));
}

#[test]
fn what_is_exempt_is_suppressed_with_its_reason() {
    let log = log();
    let result = &log["runs"][0]["results"][3];
    assert_eq!(result["suppressions"][0]["kind"], "external");
    let why = result["suppressions"][0]["justification"].as_str().expect("a reason");
    assert!(why.contains("until 2027-01-31") && why.contains("by a file"), "{why}");
}

#[test]
fn what_was_not_read_is_no_success() {
    let log = log();
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["endTimeUtc"], "2027-01-15T08:00:00Z");
    assert_eq!(invocation["toolExecutionNotifications"].as_array().map(Vec::len), Some(3));
}

#[test]
fn no_message_acts_on_a_terminal() {
    let log = log();
    let message = log["runs"][0]["results"][0]["message"]["text"].as_str().expect("a text");
    assert!(!message.contains(HOSTILE) && message.contains("<script>"), "{message}");
}
