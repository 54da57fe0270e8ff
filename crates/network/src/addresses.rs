//! Addresses of Pods, pure: a block of the cluster's range for each node, an address of the block for each Pod.
//!
//! All ranges lie in 127.0.0.0/8: Linux holds every address of it to be its own, so that each Pod listens on an
//! address of its own without interfaces, routes or privileges.
//!
//! Invariants: two holders never have the same block or address; an address that was given back is the last of the
//! free ones to be given out again, because clients may still hold it.

mod pool;

#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use thiserror::Error;

use self::pool::Pool;

/// The range of Pods unless another one is chosen: 8,192 nodes of 254 Pods.
pub const POD_RANGE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 64, 0, 0), 11);
/// The range of Services that goes with it.
pub const SERVICE_RANGE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 96, 0, 0), 16);
/// Prefix length of one node's block.
pub const NODE_PREFIX: u8 = 24;
/// Place of cluster DNS in the Services' range, by custom.
const DNS_OFFSET: u32 = 10;

/// Why an address or a block cannot be had.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    #[error(
        "range {range} cannot be cut into blocks of /{prefix}: give a range with a prefix of at most {prefix}"
    )]
    Prefix { range: Ipv4Net, prefix: u8 },
    #[error("all {size} blocks of {range} belong to nodes: remove nodes or give a larger range")]
    NoBlock { range: Ipv4Net, size: u32 },
    #[error("all {size} addresses of {block} belong to Pods: delete Pods or give the node a larger block")]
    NoAddress { block: Ipv4Net, size: u32 },
    #[error("{what} does not belong to {range}")]
    Foreign { what: String, range: Ipv4Net },
    #[error("{what} belongs to another one already")]
    Taken { what: String },
}

/// Returns the address of cluster DNS in a range of Services: the tenth. `None`: the range is smaller.
pub fn dns_address(services: Ipv4Net) -> Option<Ipv4Addr> {
    let address = Ipv4Addr::from_bits(services.network().to_bits().checked_add(DNS_OFFSET)?);
    services.contains(&address).then_some(address)
}

/// Gives out the blocks of a cluster's range, one to a node.
#[derive(Debug, Clone)]
pub struct NodeBlocks {
    range: Ipv4Net,
    prefix: u8,
    pool: Pool,
}

impl NodeBlocks {
    /// Cuts `range` into blocks with this prefix length.
    pub fn new(range: Ipv4Net, prefix: u8) -> Result<Self, AddressError> {
        let wrong = AddressError::Prefix { range, prefix };
        if prefix > 30 {
            return Err(wrong);
        }
        let bits = prefix.checked_sub(range.prefix_len()).filter(|bits| *bits < 32).ok_or(wrong)?;
        Ok(Self { range: range.trunc(), prefix, pool: Pool::new(1 << bits) })
    }

    /// Returns a block that nobody has.
    pub fn allocate(&mut self) -> Result<Ipv4Net, AddressError> {
        let full = AddressError::NoBlock { range: self.range, size: self.pool.size() };
        let index = self.pool.allocate().ok_or(full)?;
        let first = self.range.network().to_bits() + (index << (32 - self.prefix));
        Ok(Ipv4Net::new_assert(Ipv4Addr::from_bits(first), self.prefix))
    }

    /// Records a block that a node has already.
    pub fn claim(&mut self, block: Ipv4Net) -> Result<(), AddressError> {
        let index = self.index(block)?;
        if self.pool.claim(index) { Ok(()) } else { Err(AddressError::Taken { what: block.to_string() }) }
    }

    /// Takes a block back. Whether it was given out.
    pub fn release(&mut self, block: Ipv4Net) -> Result<bool, AddressError> {
        let index = self.index(block)?;
        Ok(self.pool.release(index))
    }

    fn index(&self, block: Ipv4Net) -> Result<u32, AddressError> {
        if block.prefix_len() != self.prefix || block != block.trunc() || !self.range.contains(&block) {
            return Err(AddressError::Foreign { what: block.to_string(), range: self.range });
        }
        Ok((block.network().to_bits() - self.range.network().to_bits()) >> (32 - self.prefix))
    }
}

/// Gives out the addresses of one node's block, one to a Pod. The first and the last address stay free, as users
/// expect of a network.
#[derive(Debug, Clone)]
pub struct PodAddresses {
    block: Ipv4Net,
    pool: Pool,
}

impl PodAddresses {
    /// Starts with every address free.
    pub fn new(block: Ipv4Net) -> Result<Self, AddressError> {
        let block = block.trunc();
        if !(1..=30).contains(&block.prefix_len()) {
            return Err(AddressError::Prefix { range: block, prefix: 30 });
        }
        Ok(Self { block, pool: Pool::new((1 << (32 - block.prefix_len())) - 2) })
    }

    /// The node's block.
    pub fn block(&self) -> Ipv4Net {
        self.block
    }

    /// Returns an address that nobody has.
    pub fn allocate(&mut self) -> Result<Ipv4Addr, AddressError> {
        let full = AddressError::NoAddress { block: self.block, size: self.pool.size() };
        let index = self.pool.allocate().ok_or(full)?;
        Ok(Ipv4Addr::from_bits(self.block.network().to_bits() + 1 + index))
    }

    /// Records an address that a Pod has already, as after a restart.
    pub fn claim(&mut self, address: Ipv4Addr) -> Result<(), AddressError> {
        let index = self.index(address)?;
        if self.pool.claim(index) { Ok(()) } else { Err(AddressError::Taken { what: address.to_string() }) }
    }

    /// Takes an address back. Whether it was given out.
    pub fn release(&mut self, address: Ipv4Addr) -> Result<bool, AddressError> {
        let index = self.index(address)?;
        Ok(self.pool.release(index))
    }

    fn index(&self, address: Ipv4Addr) -> Result<u32, AddressError> {
        let foreign = || AddressError::Foreign { what: address.to_string(), range: self.block };
        let offset = address.to_bits().checked_sub(self.block.network().to_bits()).ok_or_else(foreign)?;
        match offset.checked_sub(1) {
            Some(index) if index < self.pool.size() => Ok(index),
            _ => Err(foreign()),
        }
    }
}
