//! The results as tables in markdown.

use super::{Line, Rates};

/// Whom the others are compared with.
const OURS: &str = "stanchion";

/// Lays out a row for each case, load and peer, ours beside it; without ours, the peer alone.
pub(super) fn failovers(lines: &[Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = "\n### Unavailability as a client sees it\n\n| case | load | stanchion, s, median (worst) | lost | peer \
                    | its figure, s, median (worst) | lost | ratio of the medians |\n|:--|:--|--:|--:|:--|--:|--:|--:|\n"
        .to_owned();
    let ours = |line: &Line| {
        let is_same = |other: &&Line| (other.case, other.load) == (line.case, line.load);
        lines.iter().filter(|other| other.subject == OURS).find(is_same)
    };
    let peers = lines.iter().filter(|line| line.subject != OURS);
    for peer in peers.clone() {
        text += &row(peer, ours(peer), Some(peer));
    }
    let has_peer = |line: &Line| peers.clone().any(|peer| (peer.case, peer.load) == (line.case, line.load));
    for line in lines.iter().filter(|line| line.subject == OURS && !has_peer(line)) {
        text += &row(line, Some(line), None);
    }
    text
}

fn row(of: &Line, ours: Option<&Line>, peer: Option<&Line>) -> String {
    let (our_time, our_loss) = ours.map_or_else(Default::default, cells);
    let (peer_time, peer_loss) = peer.map_or_else(Default::default, cells);
    let ratio = ours.zip(peer).map(|(ours, peer)| format!("{:.2}", ours.median / peer.median));
    let (case, load) = (of.case.name(), of.load);
    let (name, ratio) = (peer.map_or("", |peer| peer.subject), ratio.unwrap_or_default());
    format!("| {case} | {load} | {our_time} | {our_loss} | {name} | {peer_time} | {peer_loss} | {ratio} |\n")
}

/// Returns the times, and how many rows of how many were lost.
fn cells(line: &Line) -> (String, String) {
    let unended = match line.unended {
        0 => String::new(),
        count => format!(", {count} of {} never ended", line.rounds),
    };
    let twice = match line.twice {
        0 => String::new(),
        count => format!(", {count} twice"),
    };
    (
        format!("{:.3} ({:.3}){unended}", line.median, line.worst),
        format!("{} of {}{twice}", line.lost, line.acknowledged),
    )
}

/// Lays out transactions per second, and what ours reached of them in the same turns.
pub(super) fn rates(rates: &[Rates]) -> String {
    if rates.is_empty() {
        return String::new();
    }
    let ours = rates.iter().find(|rates| rates.subject == OURS);
    let mut text = "\n### Throughput of oltp_write_only\n\n| subject | turns | transactions/s, median | stanchion to it, \
                    median of the turns (from, to) |\n|:--|--:|--:|--:|\n"
        .to_owned();
    for of in rates {
        let ratio = ours.and_then(|ours| of.reached_by(ours));
        let ratio = ratio
            .map_or_else(String::new, |[least, median, most]| format!("{median:.2} ({least:.2}, {most:.2})"));
        let (subject, turns, rate) = (of.subject, of.turns.len(), of.median());
        text.extend(["| ", subject, &format!(" | {turns} | {rate:.0} | {ratio} |\n")]);
    }
    text
}

/// Lists the rounds after which a peer was not whole again.
pub(super) fn broken(rounds: &[String]) -> String {
    if rounds.is_empty() {
        return String::new();
    }
    let items = rounds.join("\n- ");
    format!("\n### Rounds without a figure: the peer was not whole again and was started anew\n\n- {items}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;

    fn line(subject: &'static str, median: f64, lost: usize) -> Line {
        Line {
            subject,
            case: Case::Killed,
            load: "writer alone",
            rounds: 3,
            median,
            worst: median * 2.0,
            unended: usize::from(lost > 0),
            acknowledged: 1_000,
            lost,
            twice: 0,
        }
    }

    #[test]
    fn ours_stands_beside_each_peer() {
        let text = failovers(&[line("patroni", 4.0, 0), line(OURS, 1.0, 0)]);
        let row = "| database killed | writer alone | 1.000 (2.000) | 0 of 1000 | patroni | 4.000 (8.000) | 0 of 1000 | \
                   0.25 |\n";
        assert!(text.ends_with(row), "{text}");
    }

    #[test]
    fn either_may_be_missing() {
        let alone = failovers(&[line(OURS, 1.0, 2)]);
        let row = "| database killed | writer alone | 1.000 (2.000), 1 of 3 never ended | 2 of 1000 |  |  |  |  |\n";
        assert!(alone.ends_with(row), "{alone}");
        let peer = failovers(&[line("patroni", 4.0, 0)]);
        assert!(peer.ends_with("|  |  | patroni | 4.000 (8.000) | 0 of 1000 |  |\n"), "{peer}");
        assert_eq!(failovers(&[]), "");
    }

    #[test]
    fn ours_is_compared_with_what_was_measured_in_the_same_turn() {
        let of = |subject, turns: &[(usize, f64)]| Rates { subject, turns: turns.to_vec() };
        let plain = of("plain", &[(1, 2_000.0), (2, 1_000.0), (3, 1_500.0)]);
        let text = rates(&[plain, of(OURS, &[(1, 1_900.0), (2, 990.0), (3, 1_455.0)])]);
        let end = "| plain | 3 | 1500 | 0.97 (0.95, 0.99) |\n| stanchion | 3 | 1455 | 1.00 (1.00, 1.00) |\n";
        assert!(text.ends_with(end), "{text}");
    }
}
