//! User, groups and capabilities of a command.

use std::collections::BTreeSet;

use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::config::{Security, User};
use crate::error::{Doing, SystemError, refusal};

/// What container runtimes give by default, but for `MKNOD`: nothing here keeps a container from using a device
/// that it has made.
const DEFAULT: [CapabilitySet; 13] = [
    CapabilitySet::CHOWN,
    CapabilitySet::DAC_OVERRIDE,
    CapabilitySet::FOWNER,
    CapabilitySet::FSETID,
    CapabilitySet::KILL,
    CapabilitySet::SETGID,
    CapabilitySet::SETUID,
    CapabilitySet::SETPCAP,
    CapabilitySet::NET_BIND_SERVICE,
    CapabilitySet::NET_RAW,
    CapabilitySet::SYS_CHROOT,
    CapabilitySet::AUDIT_WRITE,
    CapabilitySet::SETFCAP,
];

/// Returns the capabilities that a command may have at most.
pub(super) fn allowed(security: &Security) -> Result<CapabilitySet, SystemError> {
    if security.privileged {
        return Ok(CapabilitySet::all());
    }
    let (added, all_added) = parse(&security.add_capabilities)?;
    let (dropped, all_dropped) = parse(&security.drop_capabilities)?;
    let base = match (all_added, all_dropped) {
        (true, false) => CapabilitySet::all(),
        (_, true) => CapabilitySet::empty(),
        (false, false) => DEFAULT.into_iter().collect(),
    };
    Ok(base.difference(dropped).union(added))
}

/// Returns an error if a capability has a name that the kernel does not know.
pub(crate) fn check_capability_names(security: &Security) -> Result<(), SystemError> {
    allowed(security).map(drop)
}

fn parse(names: &BTreeSet<String>) -> Result<(CapabilitySet, bool), SystemError> {
    let (mut set, mut all) = (CapabilitySet::empty(), false);
    for name in names {
        let upper = name.to_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if bare == "ALL" {
            all = true;
        } else {
            let known = CapabilitySet::from_name(bare);
            set |=
                known.ok_or_else(|| refusal("set capabilities", format!("unknown capability {name:?}")))?;
        }
    }
    Ok((set, all))
}

/// Becomes `user` with no more than what `security` allows, for good.
pub(super) fn become_user(user: &User, security: &Security) -> Result<(), SystemError> {
    let own = rustix::thread::capabilities(None).doing(|| "read the capabilities".to_owned())?;
    let allowed = allowed(security)?;
    let given = allowed.intersection(own.permitted);
    if own.effective.contains(CapabilitySet::SETPCAP) {
        bound(allowed)?;
    }
    set_keep_capabilities(false).doing(|| "give up capabilities".to_owned())?;
    let groups: Vec<Gid> = user.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    set_thread_groups(&groups).doing(|| format!("set groups {:?}", user.groups))?;
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_res_gid(gid, gid, gid).doing(|| format!("become group {}", user.gid))?;
    set_thread_res_uid(uid, uid, uid).doing(|| format!("become user {}", user.uid))?;
    if user.uid == 0 {
        clear_ambient_capability_set().doing(|| "give up capabilities".to_owned())?;
        let sets = CapabilitySets { effective: given, permitted: given, inheritable: CapabilitySet::empty() };
        set_capabilities(None, sets).doing(|| format!("keep only {given:?}"))?;
    }
    if security.no_new_privileges {
        set_no_new_privs(true).doing(|| "give up new privileges".to_owned())?;
    }
    Ok(())
}

/// Takes from the bounding set what is not in `allowed`: no program can bring it back.
fn bound(allowed: CapabilitySet) -> Result<(), SystemError> {
    for capability in CapabilitySet::all().iter().filter(|capability| !allowed.contains(*capability)) {
        // One that the kernel does not know is in no set.
        if capability_is_in_bounding_set(capability).unwrap_or_default() {
            remove_capability_from_bounding_set(capability).doing(|| format!("give up {capability:?}"))?;
        }
    }
    Ok(())
}

/// Returns why this process cannot become another user; nothing if it can.
pub(crate) fn lacks_credentials() -> Option<String> {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
    match rustix::thread::capabilities(None) {
        Ok(own) if own.effective.contains(needed) => None,
        Ok(own) => Some(format!("needs {:?}", needed.difference(own.effective))),
        Err(errno) => Some(format!("cannot read the capabilities: {errno}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn security(add: &[&str], drop: &[&str]) -> Security {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Security { add_capabilities: set(add), drop_capabilities: set(drop), ..Security::default() }
    }

    #[test]
    fn names_add_and_drop() {
        let default: CapabilitySet = DEFAULT.into_iter().collect();
        for (add, drop, expected) in [
            (&[][..], &[][..], default),
            (&["NET_ADMIN"], &[], default | CapabilitySet::NET_ADMIN),
            (
                &["cap_net_admin"],
                &["CAP_CHOWN"],
                default.difference(CapabilitySet::CHOWN) | CapabilitySet::NET_ADMIN,
            ),
            (&["SYS_NICE"], &["ALL"], CapabilitySet::SYS_NICE),
            (&["ALL"], &["SYS_ADMIN"], CapabilitySet::all().difference(CapabilitySet::SYS_ADMIN)),
        ] {
            assert_eq!(allowed(&security(add, drop)).expect("known names"), expected, "{add:?} {drop:?}");
        }
        assert!(allowed(&security(&["NET_ADMIM"], &[])).is_err());
    }
}
