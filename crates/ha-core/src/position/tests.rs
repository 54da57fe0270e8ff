use super::{Position, PositionError, ServerId};

#[test]
fn positions_read_as_they_are_written() {
    for text in ["", "0-1-1", "0-3-18446744073709551615"] {
        assert_eq!(text.parse::<Position>().map(|position| position.to_string()).as_deref(), Ok(text));
    }
    assert_eq!("0-2-7".parse(), Ok(Position::at(ServerId(2), 7)));
}

#[test]
fn what_is_no_position_of_a_cluster_is_refused() {
    for text in ["0", "0-1", "0-1-x", "0-1-2-3", "0-1-2,1-1-4", "-1-2-3"] {
        assert!(matches!(text.parse::<Position>(), Err(PositionError::Malformed(_))), "{text}");
    }
    assert!(matches!("1-1-4".parse::<Position>(), Err(PositionError::Domain(_))));
}

#[test]
fn a_later_position_reaches_an_earlier_one() {
    let at = |sequence| Position::at(ServerId(1), sequence);
    assert!(at(5).reaches(at(5)) && at(6).reaches(at(5)) && !at(4).reaches(at(5)));
    assert!(at(1).reaches(Position::START) && Position::START.reaches(Position::START));
}
