use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a network")
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

#[test]
fn the_ranges_do_not_overlap_and_hold_a_thousand_nodes() {
    assert!(!POD_RANGE.contains(&SERVICE_RANGE) && !SERVICE_RANGE.contains(&POD_RANGE));
    assert_eq!(dns_address(SERVICE_RANGE), Some(ip("127.96.0.10")));
    assert_eq!(dns_address(net("127.96.0.0/29")), None);
    let mut blocks = NodeBlocks::new(POD_RANGE, NODE_PREFIX).expect("blocks");
    let all: BTreeSet<Ipv4Net> = std::iter::from_fn(|| blocks.allocate().ok()).collect();
    assert_eq!(all.len(), 8192);
    assert_eq!(all.first(), Some(&net("127.64.0.0/24")));
    assert_eq!(all.last(), Some(&net("127.95.255.0/24")));
    assert_eq!(blocks.allocate(), Err(AddressError::NoBlock { range: POD_RANGE, size: 8192 }));
}

#[test]
fn a_block_is_checked_before_it_is_recorded() {
    let mut blocks = NodeBlocks::new(net("127.64.0.0/16"), 24).expect("blocks");
    assert_eq!(blocks.claim(net("127.64.0.0/24")), Ok(()));
    assert_eq!(blocks.allocate(), Ok(net("127.64.1.0/24")));
    assert!(matches!(blocks.claim(net("127.64.1.0/24")), Err(AddressError::Taken { .. })));
    for foreign in ["127.65.0.0/24", "127.64.0.0/25", "127.64.2.7/24"] {
        assert!(matches!(blocks.claim(net(foreign)), Err(AddressError::Foreign { .. })), "{foreign}");
    }
    assert!(matches!(NodeBlocks::new(net("127.64.0.0/25"), 24), Err(AddressError::Prefix { .. })));
    assert!(matches!(NodeBlocks::new(net("127.64.0.0/25"), 31), Err(AddressError::Prefix { .. })));
}

#[test]
fn an_address_given_back_comes_last() {
    let mut pods = PodAddresses::new(net("127.64.7.0/29")).expect("addresses");
    assert_eq!(pods.allocate(), Ok(ip("127.64.7.1")));
    assert_eq!(pods.allocate(), Ok(ip("127.64.7.2")));
    assert_eq!(pods.release(ip("127.64.7.1")), Ok(true));
    assert_eq!(pods.release(ip("127.64.7.1")), Ok(false), "given back once");
    let rest: Vec<_> =
        std::iter::from_fn(|| pods.allocate().ok()).map(|address| address.octets()[3]).collect();
    assert_eq!(rest, [3, 4, 5, 6, 1]);
    assert_eq!(pods.allocate(), Err(AddressError::NoAddress { block: net("127.64.7.0/29"), size: 6 }));
    for foreign in ["127.64.7.0", "127.64.7.7", "127.64.6.255", "127.64.8.1"] {
        assert!(matches!(pods.claim(ip(foreign)), Err(AddressError::Foreign { .. })), "{foreign}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Allocate,
    Claim(u8),
    Release(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Allocate), (0..16_u8).prop_map(Step::Claim), (0..16_u8).prop_map(Step::Release)]
}

proptest! {
    /// Against a list of free addresses in the order in which they are due.
    #[test]
    fn allocation_follows_the_order_of_release(steps in prop::collection::vec(step(), 0..200)) {
        let mut pods = PodAddresses::new(net("127.64.9.0/28")).expect("addresses");
        let mut due: VecDeque<u8> = (1..15).collect();
        for step in steps {
            match step {
                Step::Allocate => {
                    let got = pods.allocate().ok().map(|address| address.octets()[3]);
                    prop_assert_eq!(got, due.pop_front());
                }
                Step::Claim(last) => {
                    let free = due.iter().position(|other| *other == last);
                    let claimed = pods.claim(Ipv4Addr::new(127, 64, 9, last));
                    prop_assert_eq!(claimed.is_ok(), free.is_some());
                    due.retain(|other| *other != last);
                }
                Step::Release(last) => {
                    let taken = (1..15).contains(&last) && !due.contains(&last);
                    let released = pods.release(Ipv4Addr::new(127, 64, 9, last));
                    prop_assert_eq!(released.unwrap_or(false), taken);
                    if taken {
                        due.push_back(last);
                    }
                }
            }
        }
    }
}
