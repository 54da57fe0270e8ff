//! Addresses and ports of this machine that nobody uses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result};

/// Returns a port of an address that is free now; whoever is given it must not wait long to take it.
pub(crate) fn free(address: Ipv4Addr) -> Result<SocketAddr> {
    let listener =
        TcpListener::bind((address, 0)).with_context(|| format!("no port of {address} is free"))?;
    Ok(listener.local_addr()?)
}

/// Returns addresses for one subject; other processes of this machine surely have others.
pub(crate) fn addresses<const N: usize>() -> [Ipv4Addr; N] {
    let [high, low] = u16::try_from(std::process::id() % (1 << 16)).unwrap_or_default().to_be_bytes();
    std::array::from_fn(|index| {
        let last = u8::try_from(index + 1).unwrap_or(u8::MAX);
        Ipv4Addr::new(127, 64 | (high & 63), low, last)
    })
}

/// Returns the address of a socket as text.
pub(crate) fn host(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.to_string(),
    }
}

/// Returns a password that nobody guesses, of letters and digits.
pub(crate) fn password() -> String {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    // For a database of the benchmark that lives for minutes on loopback addresses, the standard library's keys do.
    let part = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", part(), part())
}
