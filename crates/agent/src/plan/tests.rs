use std::net::Ipv4Addr;

use stanchion_ha_core::ServerId;

use super::*;

fn name(text: &str) -> InstanceName {
    InstanceName::new(text).expect("a name")
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn followed(term: u64, acknowledge: bool) -> Followed {
    Followed { term: Term(term), primary: name("a"), address: address(1), acknowledge }
}

fn office(term: u64) -> Office {
    Office::new(Term(term), None, BTreeSet::new(), Position::START)
}

fn handed(term: u64) -> HandedOver {
    HandedOver { term: Term(term), position: Position::at(ServerId(1), 3) }
}

fn serve(term: u64, acknowledgement: Acknowledgement) -> Duty {
    Duty::Serve { term: Term(term), acknowledgement, barred: BTreeSet::new() }
}

fn follow(term: u64, acknowledge: bool) -> Duty {
    Duty::Follow { term: Term(term), primary: name("a"), acknowledge }
}

/// Chooses for a database that holds what belongs, with its primary in office at port 1.
fn choose(duty: &Duty, posture: &Posture) -> Option<Step> {
    next(&Sight {
        duty,
        posture,
        fenced: Term(3),
        standing: &Standing::Contained,
        primary: Some(address(1)),
        wrote: false,
        complete: true,
        copied: false,
    })
}

fn postures(term: u64) -> Vec<Posture> {
    vec![
        Posture::Unclear(None),
        Posture::Idle,
        Posture::Following(followed(term, true)),
        Posture::Risen { term: Term(term) },
        Posture::Primary(office(term)),
        Posture::HandedOver(handed(term)),
        Posture::Halfway { term: Term(term) },
    ]
}

#[test]
fn invariant_a_writable_database_is_killed_for_whatever_another_term_asks() {
    let duties = [
        Duty::Idle,
        Duty::Fence { term: Term(5) },
        follow(5, true),
        follow(4, true),
        serve(5, Acknowledgement::Required),
        Duty::HandOver { term: Term(5) },
        Duty::Copy { from: name("b") },
    ];
    for duty in &duties {
        for posture in postures(4).iter().filter(|posture| posture.may_write()) {
            assert_eq!(choose(duty, posture), Some(Step::Kill), "{duty:?} {posture:?}");
        }
        for posture in postures(4).iter().filter(|posture| !posture.may_write()) {
            assert_ne!(choose(duty, posture), Some(Step::Kill), "{duty:?} {posture:?}");
        }
    }
}

#[test]
fn a_fence_is_confirmed_once() {
    let fence = |term| Duty::Fence { term: Term(term) };
    for posture in postures(4).iter().filter(|posture| !posture.may_write()) {
        assert_eq!(choose(&fence(5), posture), Some(Step::Fence { term: Term(5) }), "{posture:?}");
    }
    assert_eq!(choose(&fence(3), &Posture::Idle), None);
    assert_eq!(choose(&fence(3), &Posture::HandedOver(handed(3))), None);
    assert_eq!(choose(&fence(3), &Posture::Unclear(None)), Some(Step::Fence { term: Term(3) }));
}

#[test]
fn following_waits_for_the_primary_and_leaves_the_old_one_at_once() {
    let following = Posture::Following(followed(4, true));
    assert_eq!(choose(&follow(4, true), &following), None);
    let cease = Some(Step::Acknowledge(followed(4, false)));
    assert_eq!(choose(&follow(4, false), &following), cease);
    assert_eq!(choose(&follow(5, true), &following), Some(Step::Listen(followed(5, true))));
    let duty = follow(5, true);
    let sight = |posture, primary| Sight {
        duty: &duty,
        posture,
        fenced: Term(5),
        standing: &Standing::Contained,
        primary,
        wrote: false,
        complete: true,
        copied: false,
    };
    assert_eq!(next(&sight(&following, None)), Some(Step::Fence { term: Term(5) }));
    assert_eq!(next(&sight(&Posture::Idle, None)), None);
    let current = Posture::Following(followed(5, true));
    assert_eq!(next(&sight(&current, None)), None);
    let moved = Followed { address: address(2), ..followed(5, true) };
    assert_eq!(next(&sight(&current, Some(address(2)))), Some(Step::Listen(moved)));
}

#[test]
fn who_holds_what_does_not_belong_neither_follows_nor_serves() {
    let standing = Standing::NeedsCopy { why: String::new(), saved: None };
    for duty in [follow(3, true), serve(3, Acknowledgement::Alone)] {
        let sight = Sight {
            duty: &duty,
            posture: &Posture::Idle,
            fenced: Term(3),
            standing: &standing,
            primary: Some(address(1)),
            wrote: true,
            complete: true,
            copied: false,
        };
        assert_eq!(next(&sight), None, "{duty:?}");
    }
}

#[test]
fn who_has_lost_what_it_held_does_not_serve() {
    let duty = serve(3, Acknowledgement::Alone);
    let sight = Sight {
        duty: &duty,
        posture: &Posture::Idle,
        fenced: Term(3),
        standing: &Standing::Empty,
        primary: None,
        wrote: false,
        complete: false,
        copied: false,
    };
    assert_eq!(next(&sight), None);
}

#[test]
fn serving_rises_first_and_then_follows_what_is_asked() {
    let duty = serve(4, Acknowledgement::Required);
    let promote = Some(Step::Promote { term: Term(4), require: true, barred: BTreeSet::new() });
    assert_eq!(choose(&duty, &Posture::Idle), Some(Step::Rise { term: Term(4) }));
    assert_eq!(choose(&duty, &Posture::Risen { term: Term(3) }), Some(Step::Rise { term: Term(4) }));
    assert_eq!(choose(&duty, &Posture::Risen { term: Term(4) }), promote);
    assert_eq!(choose(&duty, &Posture::Halfway { term: Term(4) }), promote);
    assert_eq!(choose(&duty, &Posture::Primary(office(4))), Some(Step::Require(true)));
    let required = Office { requires: Some(Position::START), ..office(4) };
    assert_eq!(choose(&duty, &Posture::Primary(required.clone())), None);
    let barred = Duty::Serve {
        term: Term(4),
        acknowledgement: Acknowledgement::Required,
        barred: BTreeSet::from([name("b")]),
    };
    let bar = Some(Step::Bar(BTreeSet::from([name("b")])));
    assert_eq!(choose(&barred, &Posture::Primary(required)), bar);
}

#[test]
fn an_office_promises_no_more_than_a_change_that_may_fail_leaves() {
    let both = BTreeSet::from([name("b"), name("c")]);
    let begun = Office::new(Term(4), Some(Position::START), both.clone(), Position::START);
    let serving = |acknowledgement, barred| Duty::Serve { term: Term(4), acknowledgement, barred };

    let mut office = begun.clone();
    let fewer = Step::Bar(BTreeSet::from([name("c"), name("d")]));
    office.unsettle(&fewer);
    assert_eq!(office.barred, BTreeSet::from([name("c")]), "b may be let in, d may not be refused yet");
    let posture = Posture::Primary(office);
    let as_before = serving(Acknowledgement::Required, both.clone());
    assert_eq!(choose(&as_before, &posture), Some(Step::Bar(both.clone())), "b may have been let in");
    let as_promised = serving(Acknowledgement::Required, BTreeSet::from([name("c")]));
    assert!(matches!(choose(&as_promised, &posture), Some(Step::Bar(_))), "b may still be refused");

    let mut office = begun;
    office.unsettle(&Step::Require(false));
    assert_eq!(office.requires, None, "commits may not wait any more");
    let posture = Posture::Primary(office);
    let alone = serving(Acknowledgement::Alone, both.clone());
    assert_eq!(choose(&alone, &posture), Some(Step::Require(false)), "commits may still wait");
    let required = serving(Acknowledgement::Required, both);
    assert_eq!(choose(&required, &posture), Some(Step::Require(true)));
}

#[test]
fn a_hand_over_can_be_taken_back() {
    let hand_over = Duty::HandOver { term: Term(4) };
    let step = Some(Step::HandOver { term: Term(4) });
    assert_eq!(choose(&hand_over, &Posture::Primary(office(4))), step);
    assert_eq!(choose(&hand_over, &Posture::HandedOver(handed(4))), None);
    let resume = Some(Step::Resume { handed: handed(4), barred: BTreeSet::new() });
    assert_eq!(choose(&serve(4, Acknowledgement::Alone), &Posture::HandedOver(handed(4))), resume);
    let rise = Some(Step::Rise { term: Term(5) });
    assert_eq!(choose(&serve(5, Acknowledgement::Alone), &Posture::HandedOver(handed(4))), rise);
}

#[test]
fn a_copy_is_made_once() {
    let duty = Duty::Copy { from: name("b") };
    assert_eq!(choose(&duty, &Posture::Idle), Some(Step::Copy { from: name("b") }));
    let sight = Sight {
        duty: &duty,
        posture: &Posture::Idle,
        fenced: Term(3),
        standing: &Standing::Contained,
        primary: None,
        wrote: false,
        complete: true,
        copied: true,
    };
    assert_eq!(next(&sight), None);
}
