use super::{Containment, Era, History};
use crate::position::{Position, ServerId};
use crate::topology::Term;

fn at(server: u32, sequence: u64) -> Position {
    Position::at(ServerId(server), sequence)
}

/// Server 1 until 104, server 3 until 200, then server 1 again.
fn history() -> History {
    let mut history = History::default();
    for (term, server, base) in [(1, 1, Position::START), (2, 3, at(1, 104)), (4, 1, at(3, 200))] {
        history.begin(Era { term: Term(term), server: ServerId(server), base });
    }
    history
}

#[test]
fn what_a_terms_primary_wrote_belongs() {
    for position in [Position::START, at(1, 1), at(1, 104), at(3, 105), at(3, 200), at(1, 201), at(1, 999)] {
        assert_eq!(history().contains(position), Containment::Contained, "{position}");
    }
}

#[test]
fn what_was_written_behind_the_end_of_an_era_has_diverged() {
    assert_eq!(history().contains(at(1, 105)), Containment::Diverged { after: at(1, 104) });
    assert_eq!(history().contains(at(3, 201)), Containment::Diverged { after: at(3, 200) });
    // Server 2 was never a primary: somebody wrote to a replica.
    assert_eq!(history().contains(at(2, 50)), Containment::Diverged { after: Position::START });
    assert_eq!(History::default().contains(at(1, 1)), Containment::Diverged { after: Position::START });
}

#[test]
fn a_promotion_that_loses_writes_cuts_the_eras_it_lost() {
    let mut history = history();
    history.begin(Era { term: Term(5), server: ServerId(2), base: at(3, 150) });
    assert_eq!(history.contains(at(3, 151)), Containment::Diverged { after: at(3, 150) });
    assert_eq!(history.contains(at(2, 151)), Containment::Contained);
    assert_eq!(history.contains(at(3, 150)), Containment::Contained);
    assert_eq!(history.contains(at(1, 201)), Containment::Diverged { after: at(1, 104) });
}

#[test]
fn who_is_older_than_what_is_remembered_cannot_be_judged() {
    let mut history = History::default();
    for term in 0..100 {
        let base = if term == 0 { Position::START } else { at(1, term * 10) };
        history.begin(Era { term: Term(term), server: ServerId(1), base });
    }
    assert_eq!(history.eras().len(), super::KEPT);
    assert_eq!(history.contains(at(1, 5)), Containment::TooOld);
    assert_eq!(history.contains(at(1, 995)), Containment::Contained);
}
