//! The addresses of this node's Pods.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use parking_lot::Mutex;
use stanchion_network::addresses::{AddressError, PodAddresses};

/// Gives each Pod an address until it is gone.
#[derive(Debug)]
pub(crate) struct Addresses {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pool: PodAddresses,
    held: HashMap<String, Ipv4Addr>,
}

impl Addresses {
    pub(crate) fn new(range: Ipv4Net) -> Result<Self, AddressError> {
        Ok(Self { state: Mutex::new(State { pool: PodAddresses::new(range)?, held: HashMap::new() }) })
    }

    /// Returns the address of a Pod: the one it has, or the one it had before the node was started, or a new one.
    pub(crate) fn of(&self, uid: &str, before: Option<Ipv4Addr>) -> Result<Ipv4Addr, AddressError> {
        let mut state = self.state.lock();
        if let Some(address) = state.held.get(uid) {
            return Ok(*address);
        }
        let kept = before.filter(|address| state.pool.claim(*address).is_ok());
        let address = match kept {
            Some(address) => address,
            None => state.pool.allocate()?,
        };
        state.held.insert(uid.to_owned(), address);
        Ok(address)
    }

    /// Takes the address of a Pod back.
    pub(crate) fn release(&self, uid: &str) {
        let mut state = self.state.lock();
        if let Some(address) = state.held.remove(uid)
            && let Err(error) = state.pool.release(address)
        {
            tracing::error!(%address, %error, "an address cannot be taken back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_keeps_its_address_also_over_a_restart() {
        let range = Ipv4Net::new_assert(Ipv4Addr::new(127, 64, 3, 0), 29);
        let addresses = Addresses::new(range).expect("a range");
        let before = Ipv4Addr::new(127, 64, 3, 2);
        assert_eq!(addresses.of("a", Some(before)), Ok(before));
        let other = addresses.of("b", Some(before)).expect("another one");
        assert_ne!(other, before);
        assert_eq!(addresses.of("a", None), Ok(before));
        assert_ne!(addresses.of("c", Some(Ipv4Addr::new(10, 0, 0, 1))), Ok(Ipv4Addr::new(10, 0, 0, 1)));
        addresses.release("a");
        assert_eq!(addresses.of("d", Some(before)), Ok(before));
    }
}
