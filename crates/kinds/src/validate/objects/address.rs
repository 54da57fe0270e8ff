//! Addresses and networks.

use std::net::IpAddr;

use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;

use super::checks::each;

/// Returns an address, with or without leading zeros.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part =
            parts.next().filter(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))?;
        let digits = part.trim_start_matches('0');
        *octet = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    }
    parts.next().is_none().then(|| IpAddr::from(octets))
}

/// Returns address and prefix length of a network.
pub(super) fn parse_network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/')?;
    let address = parse(address)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= most)?;
    Some((address, bits))
}

/// Returns whether an address is in a network.
pub(super) fn contains((network, bits): (IpAddr, u32), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Checks an address of an old field; one that was there before stays valid.
pub(super) fn legacy_ip(errors: &mut FieldErrors, path: &Path, text: &str, known: &[&str]) {
    if !known.contains(&text) {
        each(errors, path, text, name::ip(text, true));
    }
}

/// Checks a network of an old field; one that was there before stays valid.
pub(super) fn legacy_cidr(errors: &mut FieldErrors, path: &Path, text: &str, known: &[&str]) {
    if !known.contains(&text) {
        each(errors, path, text, name::cidr(text, true));
    }
}

/// Returns whether a Pod of a cluster of one machine may have an address: those of 127.0.0.0/8 save the first 65,536,
/// where the machine itself listens.
fn is_of_pod(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.octets()[1] != 0)
}

/// Checks that an address can be reached from elsewhere, or is one that Pods of a cluster of one machine have.
pub(super) fn not_special(errors: &mut FieldErrors, path: &Path, text: &str) {
    let Some(address) = parse(text) else {
        errors.push(FieldError::invalid(path, text, "must be a valid IP address"));
        return;
    };
    let (local, multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.segments()[0] & 0xffc0 == 0xfe80, v6.segments()[0] & 0xff0f == 0xff02),
    };
    let found = [
        (address.is_unspecified(), format!("may not be unspecified ({text})")),
        (
            address.is_loopback() && !is_of_pod(address),
            "may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned(),
        ),
        (local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned()),
        (multicast, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned()),
    ];
    let problems = found.into_iter().filter_map(|(is, why)| is.then_some(why)).collect();
    each(errors, path, text, problems);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let is_in = |network: &str, address: &str| {
            contains(parse_network(network).expect("a network"), parse(address).expect("an address"))
        };
        assert!(is_in("10.0.0.0/8", "10.1.2.3"));
        assert!(!is_in("10.0.0.0/8", "11.0.0.0"));
        assert!(is_in("0.0.0.0/0", "1.2.3.4"));
        assert!(is_in("2001:db8::/32", "2001:db8::1"));
        assert!(!is_in("2001:db8::/32", "10.0.0.1"));
        assert_eq!(parse("010.001.000.255"), parse("10.1.0.255"));
        for wrong in ["1.2.3", "1.2.3.4.5", "1.2.3.256", "1..2.3", "x", ""] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(parse_network("10.0.0.0/33"), None);
    }

    #[test]
    fn special_addresses_are_refused() {
        for (text, why) in [
            ("127.0.0.1", "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
            ("169.254.1.1", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
            ("224.0.0.7", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
            ("::", "may not be unspecified (::)"),
            ("no", "must be a valid IP address"),
        ] {
            let mut errors = FieldErrors::new();
            not_special(&mut errors, &Path::new("ip"), text);
            let found: Vec<&str> = errors.iter().map(|error| error.detail.as_str()).collect();
            assert_eq!(found, [why], "{text}");
        }
        let mut errors = FieldErrors::new();
        not_special(&mut errors, &Path::new("ip"), "127.64.0.7");
        assert!(errors.is_empty(), "Pods of one machine have such addresses");
    }
}
