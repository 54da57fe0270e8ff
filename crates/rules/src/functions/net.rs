//! Functions of addresses and URLs.

use std::net::IpAddr;
use std::rc::Rc;

use crate::eval::Outcome;
use crate::value::{Fault, Url, Val};

pub(super) fn global<'a>(name: &str, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    let [arg] = args else { return None };
    let text = arg.as_str()?;
    let address = || {
        text.parse::<IpAddr>()
            .ok()
            .filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()))
    };
    Some(match name {
        "isIP" => Ok(Val::Bool(address().is_some())),
        "ip" => address().map_or_else(
            || Fault::error(format!("IP Address {text:?} parse error during conversion from string")),
            |ip| Ok(Val::Ip(ip)),
        ),
        "ip.isCanonical" => match address() {
            Some(ip) => Ok(Val::Bool(ip.to_string() == text)),
            None => Fault::error(format!("IP Address {text:?} parse error during conversion from string")),
        },
        "isCIDR" => Ok(Val::Bool(cidr(text).is_some())),
        "cidr" => cidr(text).map_or_else(
            || Fault::error(format!("network address parse error during conversion from string: {text:?}")),
            |(ip, length)| Ok(Val::Cidr(ip, length)),
        ),
        "isURL" => Ok(Val::Bool(url(text).is_some())),
        "url" => url(text).map_or_else(
            || {
                Fault::error(format!(
                    "URL parse error during conversion from string: parse {text:?}: invalid URI for request"
                ))
            },
            |url| Ok(Val::Url(Rc::new(url))),
        ),
        _ => return None,
    })
}

pub(super) fn member<'a>(target: &Val<'a>, name: &str, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    Some(Ok(match (target, args) {
        (Val::Ip(ip), []) => match name {
            "family" => Val::Int(if ip.is_ipv4() { 4 } else { 6 }),
            "isUnspecified" => Val::Bool(ip.is_unspecified()),
            "isLoopback" => Val::Bool(ip.is_loopback()),
            "isLinkLocalMulticast" => Val::Bool(link_local_multicast(*ip)),
            "isLinkLocalUnicast" => Val::Bool(link_local_unicast(*ip)),
            "isGlobalUnicast" => Val::Bool(
                !(ip.is_unspecified()
                    || ip.is_loopback()
                    || ip.is_multicast()
                    || link_local_unicast(*ip)
                    || matches!(ip, IpAddr::V4(v4) if v4.is_broadcast())),
            ),
            _ => return None,
        },
        (Val::Cidr(ip, length), []) => match name {
            "ip" => Val::Ip(*ip),
            "masked" => Val::Cidr(mask(*ip, *length), *length),
            "prefixLength" => Val::Int(i64::from(*length)),
            _ => return None,
        },
        (Val::Cidr(ip, length), [other]) => {
            let wanted = match (name, other) {
                ("containsIP", Val::Ip(other)) => Some((*other, 255)),
                ("containsIP", other) => Some((other.as_str()?.parse().ok()?, 255)),
                ("containsCIDR", Val::Cidr(other, n)) => Some((*other, *n)),
                ("containsCIDR", other) => cidr(other.as_str()?),
                _ => return None,
            };
            let holds = wanted.is_some_and(|(other, n)| {
                other.is_ipv4() == ip.is_ipv4() && n >= *length && mask(other, *length) == mask(*ip, *length)
            });
            Val::Bool(holds)
        }
        (Val::Url(url), []) => match name {
            "getScheme" => Val::text(&url.scheme),
            "getHost" => Val::text(&url.host),
            "getHostname" => Val::text(hostname(&url.host)),
            "getPort" => {
                let rest = url.host.rsplit(']').next().unwrap_or("");
                Val::text(rest.rsplit_once(':').map_or("", |(_, port)| port))
            }
            "getEscapedPath" => Val::text(&url.path),
            "getQuery" => query(&url.query),
            _ => return None,
        },
        _ => return None,
    }))
}

fn hostname(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, _)) => inner,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn link_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.octets()[..3] == [224, 0, 0],
        IpAddr::V6(v6) => v6.segments()[0] & 0xff0f == 0xff02,
    }
}

fn mask(ip: IpAddr, length: u8) -> IpAddr {
    let length = u32::from(length);
    match ip {
        IpAddr::V4(v4) => {
            let bits = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & bits).into())
        }
        IpAddr::V6(v6) => {
            let bits = u128::MAX.checked_shl(128_u32.saturating_sub(length)).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & bits).into())
        }
    }
}

fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, length) = text.split_once('/')?;
    let ip: IpAddr = ip.parse().ok()?;
    let plain = length.bytes().all(|b| b.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
    let length: u8 = length.parse().ok().filter(|_| plain)?;
    (length <= if ip.is_ipv4() { 32 } else { 128 }).then_some((ip, length))
}

fn url(text: &str) -> Option<Url> {
    let bad = |b: u8| b.is_ascii_control() || b == b' ';
    if text.bytes().any(bad) || text.is_empty() {
        return None;
    }
    let (rest, query) = text.split_once('?').unwrap_or((text, ""));
    if rest.starts_with('/') {
        return Some(Url {
            scheme: String::new(),
            host: String::new(),
            path: rest.to_owned(),
            query: query.to_owned(),
        });
    }
    let (scheme, rest) = rest.split_once(':')?;
    let good = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let after = rest.strip_prefix("//").filter(|_| good)?;
    let at = after.find('/').unwrap_or(after.len());
    let host = after[..at].rsplit('@').next().unwrap_or("");
    let port = host.rsplit(']').next().unwrap_or("").rsplit_once(':').map_or("", |(_, port)| port);
    port.bytes().all(|b| b.is_ascii_digit()).then(|| Url {
        scheme: scheme.to_ascii_lowercase(),
        host: host.to_owned(),
        path: after[at..].to_owned(),
        query: query.to_owned(),
    })
}

fn query<'a>(text: &str) -> Val<'a> {
    let mut keys: Vec<(String, Vec<Val<'a>>)> = Vec::new();
    // The length of a URL was paid for; a bound keeps the search for keys from being quadratic.
    for pair in text.split('&').filter(|pair| !pair.is_empty()).take(256) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) => values.push(Val::text(value)),
            None => keys.push((key.to_owned(), vec![Val::text(value)])),
        }
    }
    Val::Map(Rc::new(keys.into_iter().map(|(key, values)| (Val::text(key), Val::list(values))).collect()))
}
