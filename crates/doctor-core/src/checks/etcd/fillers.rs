//! What fills it.

use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::units::{Bytes, percent, share};

/// One kind that takes this share of all is worth a look.
const ONE: f64 = 0.5;
/// Below this much nothing is worth a look.
const LARGE: u64 = 200 << 20;
/// So many are named.
const NAMED: usize = 8;

pub(crate) const CHECK: Check = Check {
    id: "etcd/fillers",
    group: Group::Etcd,
    severity: Severity::Warning,
    title: "one kind of objects fills the database",
    meaning: "Half or more of what etcd holds is of one kind in one namespace, which is seldom what somebody wanted: Events, \
              reports of a controller, records of releases. What fills the database decides when its quota is reached.",
    basis: &["https://etcd.io/blog/2023/how_to_debug_large_db_size_issue/"],
    needs: &[Need::EtcdKeyspace],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    let Some(keyspace) = &facts.etcd.keyspace else { return };
    let Some(largest) = keyspace.fillers.first() else { return };
    let part = share(largest.bytes, keyspace.bytes);
    if part < ONE || keyspace.bytes < LARGE {
        return;
    }
    let evidence = keyspace.fillers.iter().take(NAMED).map(|filler| {
        let value =
            format!("{} in {} keys, written {} times", Bytes(filler.bytes), filler.keys, filler.writes);
        Evidence::new(&filler.prefix, value, &keyspace.source)
    });
    let summary = format!("{} of its {} are {}", percent(part), Bytes(keyspace.bytes), largest.prefix);
    let advice = "find out who writes them (`kubectl get … --show-managed-fields`), and have it keep fewer; then compact and \
                  defragment";
    findings.add(Severity::Warning, Subject::etcd(), summary, advice, evidence.collect());
}
