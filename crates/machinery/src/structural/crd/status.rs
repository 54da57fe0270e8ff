//! The status of a CRD: which names it has, whether it is served, whether its group was approved.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{APPROVED, text};
use crate::meta;

/// What the annotation about a protected group says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// There is none.
    Missing,
    /// It is no URL and no reason.
    Malformed,
    /// It is a reason that starts with `unapproved`.
    Bypassed,
    /// It is a URL.
    Approved,
}

/// Returns what the annotation says, with words for it; nothing for groups that need none.
pub fn approval(crd: &Value) -> Option<(Approval, String)> {
    let group = text(&crd["spec"]["group"]);
    let protected =
        |domain: &str| group.strip_suffix(domain).is_some_and(|g| g.is_empty() || g.ends_with('.'));
    if !protected("k8s.io") && !protected("kubernetes.io") {
        return None;
    }
    let given = meta::map(crd, "annotations").and_then(|a| a.get(APPROVED)).map_or("", text);
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    let url = given.split_once("://").is_some_and(|(scheme, rest)| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or("");
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && !host.is_empty()
            && !given.contains(|c: char| c.is_control() || c == ' ')
    });
    Some(if given.is_empty() {
        (Approval::Missing, format!("protected groups must have approval annotation {APPROVED:?}, {see}"))
    } else if given.starts_with("unapproved") {
        (Approval::Bypassed, format!("not approved: {given:?}"))
    } else if url {
        (Approval::Approved, format!("approved in {given}"))
    } else {
        let either = "with either a URL or a reason starting with \"unapproved\"";
        (
            Approval::Malformed,
            format!("protected groups must have approval annotation {APPROVED:?} {either}, {see}"),
        )
    })
}

/// Names that other CRDs of the same group have.
#[derive(Clone, Debug, Default)]
pub struct NamesInUse {
    resources: HashSet<String>,
    kinds: HashSet<String>,
}

impl NamesInUse {
    /// Collects the accepted names of other CRDs; those of other groups are passed over.
    pub fn of<'a>(group: &str, others: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut used = Self::default();
        for crd in others.into_iter().filter(|crd| crd["spec"]["group"] == group) {
            let names = &crd["status"]["acceptedNames"];
            let short = names["shortNames"].as_array().into_iter().flatten();
            let resources = [&names["plural"], &names["singular"]].into_iter().chain(short);
            used.resources.extend(resources.map(text).filter(|n| !n.is_empty()).map(str::to_owned));
            let kinds = [&names["kind"], &names["listKind"]].into_iter();
            used.kinds.extend(kinds.map(text).filter(|n| !n.is_empty()).map(str::to_owned));
        }
        used
    }
}

/// Returns a condition of a CRD.
pub(super) fn condition<'a>(crd: &'a Value, kind: &str) -> Option<&'a Value> {
    crd["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == kind)
}

/// Works out the status of a CRD from its spec, its old status and the names of others; `now` is RFC 3339.
///
/// The result is `Established` at once when its names are accepted, as nothing has to be installed.
pub fn compute_status(crd: &Value, used: &NamesInUse, now: &str) -> Value {
    let mut status = crd["status"].as_object().cloned().unwrap_or_default();
    let (names, conflict) = accept(&crd["spec"]["names"], &crd["status"]["acceptedNames"], used);
    let mut conditions = crd["status"]["conditions"].as_array().cloned().unwrap_or_default();
    match &conflict {
        None => set(&mut conditions, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now),
        Some((reason, message)) => set(&mut conditions, "NamesAccepted", "False", reason, message, now),
    }
    if !super::is_established(crd) {
        if conflict.is_none() {
            let message = "the initial names have been accepted";
            set(&mut conditions, "Established", "True", "InitialNamesAccepted", message, now);
        } else {
            let message = "not all names are accepted";
            set(&mut conditions, "Established", "False", "NotAccepted", message, now);
        }
    }
    let conformant = "KubernetesAPIApprovalPolicyConformant";
    match approval(crd) {
        None => conditions.retain(|c| c["type"] != conformant),
        Some((state, message)) => {
            let (status, reason) = match state {
                Approval::Missing => ("False", "MissingAnnotation"),
                Approval::Malformed => ("False", "InvalidAnnotation"),
                Approval::Bypassed => ("False", "UnapprovedAnnotation"),
                Approval::Approved => ("True", "ApprovedAnnotation"),
            };
            set(&mut conditions, conformant, status, reason, &message, now);
        }
    }
    status.insert("acceptedNames".to_owned(), Value::Object(names));
    status.insert("conditions".to_owned(), Value::Array(conditions));
    status.insert("storedVersions".to_owned(), Value::Array(stored(crd)));
    Value::Object(status)
}

fn stored(crd: &Value) -> Vec<Value> {
    let mut stored = crd["status"]["storedVersions"].as_array().cloned().unwrap_or_default();
    let storage = crd["spec"]["versions"].as_array().into_iter().flatten().find(|v| v["storage"] == true);
    if let Some(name) = storage.map(|v| v["name"].clone()).filter(|name| !stored.contains(name)) {
        stored.push(name);
    }
    stored
}

type Conflict = (&'static str, String);

fn accept(wanted: &Value, accepted: &Value, used: &NamesInUse) -> (Map<String, Value>, Option<Conflict>) {
    let mut names = accepted.as_object().cloned().unwrap_or_default();
    let mut conflict = None;
    let in_use = |name: &str| format!("{name:?} is already in use");
    for (key, reason, taken) in [
        ("plural", "PluralConflict", &used.resources),
        ("singular", "SingularConflict", &used.resources),
        ("shortNames", "ShortNamesConflict", &used.resources),
        ("kind", "KindConflict", &used.kinds),
        ("listKind", "ListKindConflict", &used.kinds),
    ] {
        let ours = |name: &Value| {
            accepted[key] == *name || accepted[key].as_array().is_some_and(|names| names.contains(name))
        };
        let listed = wanted[key].as_array().cloned().unwrap_or_else(|| vec![wanted[key].clone()]);
        let clashes: Vec<String> = listed
            .iter()
            .filter(|name| !ours(name) && taken.contains(text(name)))
            .map(|n| in_use(text(n)))
            .collect();
        match clashes.as_slice() {
            [] => put(&mut names, key, &wanted[key]),
            [one] => conflict = Some((reason, one.clone())),
            many => conflict = Some((reason, format!("[{}]", many.join(", ")))),
        }
    }
    put(&mut names, "categories", &wanted["categories"]);
    for key in ["plural", "kind"] {
        names.entry(key).or_insert_with(|| json!(""));
    }
    (names, conflict)
}

fn put(names: &mut Map<String, Value>, key: &str, value: &Value) {
    if value.is_null() {
        names.remove(key);
    } else {
        names.insert(key.to_owned(), value.clone());
    }
}

/// Sets a condition; its time changes only with its status.
fn set(conditions: &mut Vec<Value>, kind: &str, status: &str, reason: &str, message: &str, now: &str) {
    let mut made = json!({
        "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now,
    });
    if let Some(old) = conditions.iter_mut().find(|c| c["type"] == kind) {
        if old["status"] == status && !old["lastTransitionTime"].is_null() {
            made["lastTransitionTime"] = old["lastTransitionTime"].clone();
        }
        *old = made;
    } else {
        conditions.push(made);
    }
}
