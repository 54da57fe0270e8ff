//! Tests of what answers of the API mean.

use super::*;

fn refused(code: u16, reason: &str) -> CallError {
    let source = Box::new(kube::Error::Api(
        Status::failure("in the words of the API", reason).with_code(code).boxed(),
    ));
    CallError::Refused {
        verb: "patch",
        kind: "ReplicaSet".to_owned(),
        key: Key::new("default", "web"),
        source,
    }
}

#[test]
fn answers_are_told_apart() {
    let table = [
        (404, "NotFound", [true, false, false]),
        (409, "AlreadyExists", [false, true, false]),
        (409, "Conflict", [false, false, true]),
        (403, "Forbidden", [false, false, false]),
    ];
    for (code, reason, expected) in table {
        let error = refused(code, reason);
        assert_eq!(
            [error.is_not_found(), error.is_already_exists(), error.is_conflict()],
            expected,
            "{reason}"
        );
        assert_eq!(error.message(), "in the words of the API");
        assert_eq!(error.to_string(), "cannot patch ReplicaSet default/web");
        assert_eq!(error.is_stale(), code == 409, "{reason}");
    }
}
