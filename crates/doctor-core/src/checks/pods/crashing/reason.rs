//! What an end says.

use crate::facts::kube::pod::{ContainerState, Ended};

/// What signals add to an exit code.
const SIGNAL: i32 = 128;

/// Says why a container ended, and what to do.
pub(super) fn reason(
    ended: &Ended,
    container: &ContainerState,
    restart_policy: &str,
) -> (String, &'static str) {
    let logs = "`kubectl logs --previous` shows what it said last";
    if ended.reason == "OOMKilled" {
        let advice =
            "it wanted more memory than its limit: raise the limit to what it needs, or have it use less";
        return ("it used more memory than it may".to_owned(), advice);
    }
    match ended.exit_code {
        0 if restart_policy != "OnFailure" && !container.is_init => {
            let advice = "it does its work and ends, where something is to run for ever: make it a Job, or keep it in the foreground";
            ("it ends well".to_owned(), advice)
        }
        126 => (
            "its command cannot be executed".to_owned(),
            "see that it is executable, and made for this kind of processor",
        ),
        127 => ("its command is not there".to_owned(), "compare its command with what the image has"),
        code if code == SIGNAL + 9 => (
            "it was killed".to_owned(),
            "a liveness probe that failed, or an end that took longer than its grace period, ends so; `kubectl describe pod` shows \
             what the probes said",
        ),
        code if code == SIGNAL + 15 => (
            "it was told to end".to_owned(),
            "a liveness probe that failed ends so: `kubectl describe pod` shows what the probes said",
        ),
        code if code == SIGNAL + 11 => {
            ("it accessed memory that it has not".to_owned(), "a defect of the program: try another version")
        }
        code if code == SIGNAL + 6 => ("it gave up by itself".to_owned(), logs),
        code => (format!("it ends with the code {code}"), logs),
    }
}
