//! Names and addresses of a Pod: DNS, aliases of hosts, ports of the host.

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;

use crate::validate::names::{self, dns1123_subdomain};
use crate::validate::place::Place;
use crate::validate::read::{flag, int, items, one_of, part, text, texts};

const POLICIES: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/// Checks `dnsPolicy`.
pub(super) fn check_policy(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    one_of(spec, "dnsPolicy", &POLICIES, at, errors);
}

/// Checks `dnsConfig`.
pub(super) fn check_dns(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    const SERVERS: usize = 3;
    const SEARCHES: usize = 32;
    const CHARACTERS: usize = 2048;
    let at = at.child("dnsConfig");
    let config = part(spec, "dnsConfig");
    if text(spec, "dnsPolicy") == "None" {
        let Some(config) = config else {
            return at.required(errors, "must provide `dnsConfig` when `dnsPolicy` is None");
        };
        if items(config, "nameservers").is_empty() {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return at.child("nameservers").required(errors, detail);
        }
    }
    let Some(config) = config else { return };
    let (servers, searches) = (items(config, "nameservers"), items(config, "searches"));
    if servers.len() > SERVERS {
        let detail = format!("must not have more than {SERVERS} nameservers");
        at.child("nameservers").invalid(errors, servers.to_vec(), detail);
    }
    for (index, server) in texts(config, "nameservers").enumerate() {
        at.child("nameservers").index(index).invalid_for(errors, server, names::address(server));
    }
    if searches.len() > SEARCHES {
        let detail = format!("must not have more than {SEARCHES} search paths");
        at.child("searches").invalid(errors, searches.to_vec(), detail);
    }
    let length = texts(config, "searches").map(|search| search.len() + 1).sum::<usize>().saturating_sub(1);
    if length > CHARACTERS {
        let detail =
            format!("must not have more than {CHARACTERS} characters (including spaces) in the search list");
        at.child("searches").invalid(errors, searches.to_vec(), detail);
    }
    for (index, search) in texts(config, "searches").enumerate().filter(|(_, search)| *search != ".") {
        let search = search.strip_suffix('.').unwrap_or(search);
        let reasons = names::dns1123_subdomain_with_underscore(search);
        at.child("searches").index(index).invalid_for(errors, search, reasons);
    }
    for (index, option) in items(config, "options").iter().enumerate() {
        if text(option, "name").is_empty() {
            at.child("options").index(index).required(errors, "must not be empty");
        }
    }
}

/// Checks `hostAliases`.
pub(super) fn check_aliases(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (index, alias) in items(spec, "hostAliases").iter().enumerate() {
        let at = at.child("hostAliases");
        let at = at.index(index);
        let address = text(alias, "ip");
        at.child("ip").invalid_for(errors, address, names::address(address));
        for (index, name) in texts(alias, "hostnames").enumerate() {
            at.child("hostnames").index(index).invalid_for(errors, name, dns1123_subdomain(name));
        }
    }
}

/// Checks `ports` of a container.
pub(super) fn check_ports(container: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let mut seen = HashSet::new();
    for (index, port) in items(container, "ports").iter().enumerate() {
        let at = at.child("ports");
        let at = at.index(index);
        let name = text(port, "name");
        if !name.is_empty() {
            let reasons = names::port_name(name);
            if !reasons.is_empty() {
                at.child("name").invalid_for(errors, name, reasons);
            } else if !seen.insert(name) {
                at.child("name").duplicate(errors, name);
            }
        }
        if int(port, "containerPort").unwrap_or(0) == 0 {
            at.child("containerPort").required(errors, "");
        } else {
            check_number(port, "containerPort", &at, errors);
        }
        check_number(port, "hostPort", &at, errors);
        one_of(port, "protocol", &["SCTP", "TCP", "UDP"], &at, errors);
    }
}

fn check_number(port: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(number) = int(port, key).filter(|number| !(0..=65535).contains(number)) {
        at.child(key).invalid(errors, number, "must be between 1 and 65535, inclusive");
    }
}

/// Checks that ports of the host are the ports of the container in a Pod that has the network of the host.
pub(super) fn check_host_network(spec: &Value, is_pod: bool, at: &Place<'_>, errors: &mut FieldErrors) {
    if !flag(spec, "hostNetwork") {
        return;
    }
    let at = at.child("containers");
    for (container_index, container) in items(spec, "containers").iter().enumerate() {
        for (index, port) in items(container, "ports").iter().enumerate() {
            let host = int(port, "hostPort").unwrap_or(0);
            if (is_pod || host != 0) && host != int(port, "containerPort").unwrap_or(0) {
                let at = at.index(container_index);
                let at = at.child("ports");
                let detail = "must match `containerPort` when `hostNetwork` is true";
                at.index(index).child("hostPort").invalid(errors, host, detail);
            }
        }
    }
}

/// Finds ports of the host that stand twice.
pub(super) fn check_conflicts(containers: &[Value], at: &Place<'_>, errors: &mut FieldErrors) {
    let mut seen = HashSet::new();
    for (container_index, container) in containers.iter().enumerate() {
        for (index, port) in items(container, "ports").iter().enumerate() {
            let number = int(port, "hostPort").unwrap_or(0);
            let key = (text(port, "protocol"), text(port, "hostIP"), number);
            if number != 0 && !seen.insert(key) {
                let at = at.index(container_index);
                let at = at.child("ports");
                let shown = format!("{}/{}/{}", key.0, key.1, key.2);
                at.index(index).child("hostPort").duplicate(errors, shown);
            }
        }
    }
}
