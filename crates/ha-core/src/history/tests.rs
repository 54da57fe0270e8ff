use super::{Containment, Era, History};
use crate::position::{Position, ServerId};
use crate::topology::Term;

/// What the primary of a term wrote.
fn at(term: u64, sequence: u64) -> Position {
    Position::at(ServerId::of_term(Term(term)), sequence)
}

/// Term 1 until 104, term 2 until 200, then term 4.
fn history() -> History {
    let mut history = History::default();
    for (term, base) in [(1, Position::START), (2, at(1, 104)), (4, at(2, 200))] {
        history.begin(Era { term: Term(term), base });
    }
    history
}

#[test]
fn what_a_terms_primary_wrote_belongs() {
    for position in [Position::START, at(1, 1), at(1, 104), at(2, 105), at(2, 200), at(4, 201), at(4, 999)] {
        assert_eq!(history().contains(position), Containment::Contained, "{position}");
    }
}

#[test]
fn what_was_written_behind_the_end_of_an_era_has_diverged() {
    assert_eq!(history().contains(at(1, 105)), Containment::Diverged { after: at(1, 104) });
    assert_eq!(history().contains(at(2, 201)), Containment::Diverged { after: at(2, 200) });
    // Term 3 never had a primary, and 2 is the number of an instance: somebody wrote to a replica.
    assert_eq!(history().contains(at(3, 150)), Containment::Diverged { after: Position::START });
    assert_eq!(
        history().contains(Position::at(ServerId(2), 50)),
        Containment::Diverged { after: Position::START }
    );
    assert_eq!(History::default().contains(at(1, 1)), Containment::Contained);
}

#[test]
fn a_promotion_that_loses_writes_cuts_the_eras_it_lost() {
    let mut history = history();
    history.begin(Era { term: Term(5), base: at(2, 150) });
    assert_eq!(history.contains(at(2, 151)), Containment::Diverged { after: at(2, 150) });
    assert_eq!(history.contains(at(5, 151)), Containment::Contained);
    assert_eq!(history.contains(at(2, 150)), Containment::Contained);
    assert_eq!(history.contains(at(4, 201)), Containment::Diverged { after: Position::START });
}

#[test]
fn who_is_older_than_what_is_remembered_cannot_be_judged() {
    let mut history = History::default();
    for term in 0..100 {
        let base = if term == 0 { Position::START } else { at(term - 1, term * 10) };
        history.begin(Era { term: Term(term), base });
    }
    assert_eq!(history.eras().len(), super::KEPT);
    assert_eq!(history.contains(at(0, 5)), Containment::TooOld);
    assert_eq!(history.contains(at(99, 995)), Containment::Contained);
}
