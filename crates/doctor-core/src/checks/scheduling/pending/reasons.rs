//! What the scheduler says about nodes, without numbers that differ from Pod to Pod.

/// Returns the reasons in a message such as `0/5 nodes are available: 2 Insufficient memory, 3 node(s) had untolerated taint
/// {a: b}. preemption: …`, those of most nodes first.
pub(super) fn reasons(message: &str) -> Vec<String> {
    let Some((_, rest)) = message.split_once(" nodes are available: ") else {
        return match message.trim().trim_end_matches('.') {
            "" => Vec::new(),
            whole => vec![whole.to_owned()],
        };
    };
    // What preemption would bring comes behind them.
    let rest = rest.split(" preemption:").next().unwrap_or(rest).trim().trim_end_matches('.');
    let mut found: Vec<(u64, String)> = rest.split(", ").map(counted).collect();
    found.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    found.dedup_by(|one, other| one.1 == other.1);
    found.into_iter().map(|(_, reason)| reason).filter(|reason| !reason.is_empty()).collect()
}

/// Takes the number of nodes off a reason.
fn counted(reason: &str) -> (u64, String) {
    let reason = reason.trim();
    let (number, rest) = reason.split_once(' ').unwrap_or((reason, ""));
    match number.parse() {
        Ok(count) => (count, rest.trim_start_matches("node(s) ").to_owned()),
        Err(_) => (0, reason.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_most_nodes_come_first() {
        let message = "0/7 nodes are available: 2 Insufficient memory, 1 node(s) had untolerated taint {a: b}, \
                       4 node(s) didn't match Pod's node affinity/selector. preemption: 0/7 nodes are available: 7 Preemption is \
                       not helpful for scheduling.";
        let expected = [
            "didn't match Pod's node affinity/selector",
            "Insufficient memory",
            "had untolerated taint {a: b}",
        ];
        assert_eq!(reasons(message), expected);
        assert_eq!(reasons("0/0 nodes are available: ."), Vec::<String>::new());
        assert_eq!(reasons("no nodes available to schedule pods"), ["no nodes available to schedule pods"]);
        assert!(reasons("").is_empty());
    }
}
