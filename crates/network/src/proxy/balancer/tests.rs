use std::time::Duration;

use stanchion_informers::Key;

use super::*;

fn backend(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 64, 0, last], 80))
}

fn client(number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    IpAddr::from([127, 65, high, low])
}

fn route(backends: &[u8], affinity: Option<u64>) -> Route {
    Route {
        service: Key::new("default", "web"),
        uid: String::new(),
        affinity: affinity.map(Duration::from_secs),
        backends: backends.iter().copied().map(backend).collect(),
    }
}

/// Takes the first candidate, as if it answered.
fn take(balancer: &mut Balancer, route: &Route, from: u16, now: Instant) -> SocketAddr {
    let first = balancer.candidates(route, client(from), now)[0];
    balancer.keep(route, client(from), first, now);
    first
}

#[test]
fn endpoints_are_taken_in_turn() {
    let (mut balancer, route, now) = (Balancer::default(), route(&[1, 2, 3], None), Instant::now());
    let taken: Vec<SocketAddr> = (0..6).map(|_| take(&mut balancer, &route, 1, now)).collect();
    assert_eq!(taken, [1, 2, 3, 1, 2, 3].map(backend));
    assert!(balancer.clients.is_empty());
}

#[test]
fn another_one_is_tried_a_few_times() {
    let (mut balancer, now) = (Balancer::default(), Instant::now());
    let of = |balancer: &mut Balancer, backends: &[u8]| {
        balancer.candidates(&route(backends, None), client(1), now)
    };
    assert_eq!(of(&mut balancer, &[1]), [backend(1)]);
    assert_eq!(of(&mut balancer, &[1, 2]), [2, 1].map(backend));
    assert_eq!(of(&mut balancer, &[1, 2, 3, 4, 5]), [3, 4, 5].map(backend));
    balancer.turn = usize::MAX;
    assert_eq!(of(&mut balancer, &[1, 2, 3, 4, 5]).len(), 3);
    assert_eq!(of(&mut balancer, &[]), []);
}

#[test]
fn a_client_stays_for_the_time_after_its_last_connection() {
    let (mut balancer, start) = (Balancer::default(), Instant::now());
    let three = route(&[1, 2, 3], Some(10));
    let at = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(take(&mut balancer, &three, 1, at(0)), backend(1));
    assert_eq!(take(&mut balancer, &three, 2, at(0)), backend(2));
    assert_eq!(take(&mut balancer, &three, 1, at(9)), backend(1));
    assert_eq!(take(&mut balancer, &three, 1, at(18)), backend(1));
    assert_eq!(take(&mut balancer, &three, 1, at(28)), backend(2), "the time is over");
    assert_eq!(balancer.candidates(&three, client(1), at(29)), [2, 3, 1].map(backend));
    let two = route(&[1, 3], Some(10));
    assert_ne!(take(&mut balancer, &two, 1, at(30)), backend(2), "the endpoint is gone");
    balancer.forget(client(1));
    assert!(balancer.clients.len() == 1);
}

#[test]
fn the_clients_that_are_remembered_are_bounded() {
    let (mut balancer, start) = (Balancer::default(), Instant::now());
    let three = route(&[1, 2, 3], Some(10));
    let most = u16::try_from(CLIENTS).expect("fits");
    for number in 0..=most {
        take(&mut balancer, &three, number, start + Duration::from_millis(u64::from(number)));
    }
    assert_eq!(balancer.clients.len(), CLIENTS);
    assert!(!balancer.clients.contains_key(&client(0)), "the oldest one went");
    take(&mut balancer, &three, most + 1, start + Duration::from_mins(1));
    assert_eq!(balancer.clients.len(), 1, "nobody else's time lasts");
}
