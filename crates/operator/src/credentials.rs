//! The two Secrets of passwords: one for applications, one for the agents.
//!
//! ```text
//!   NAME-credentials  host port user password database ca.crt    applications mount it, all of it
//!   NAME-system       replication-password app-password          agents mount it, nobody else
//! ```
//!
//! With `ca.crt` applications know the servers; it is always the authority of now. Passwords are made once. What is there stays, be it ours from an earlier life of the cluster or, for applications, put
//! there by a person beforehand; only keys that are missing are added. Clusters that were made when there was one Secret
//! keep their passwords: they are taken over into the second one first, and leave the first one when no Pod mounts them
//! from there any more, for a volume of which a key is gone cannot be set up again.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use stanchion_api::{ValidCluster, names};
use stanchion_informers::Key;

use crate::build::Manifest;
use crate::calls::Calls;
use crate::passwords::{self, NoChance};
use crate::secrets::{SecretError, data, live, resource};

/// The password with which instances follow each other.
pub(crate) const REPLICATION: &str = "replication-password";
/// The password of the application's account, as agents read it.
pub(crate) const APPLICATION: &str = "app-password";
/// The authority of the servers' certificates, as applications read it.
const AUTHORITY: &str = "ca.crt";
/// What the Secret for applications held when it was the only one.
const MOVED: [&str; 3] = ["root-password", REPLICATION, APPLICATION];

/// The content of a Secret.
type Data = BTreeMap<String, Vec<u8>>;

/// Makes the passwords that are missing, and tells applications the `authority` of the servers. `is_unmounted` is whether no Pod is left that mounts the agents' passwords from
/// the Secret for applications.
pub(crate) async fn keep(
    calls: &Calls,
    cluster: &ValidCluster,
    authority: &str,
    is_unmounted: bool,
) -> Result<(), SecretError> {
    let own = cluster.name.name();
    let key = |name: String| Key::new(cluster.name.namespace(), name);
    let (system_key, shown_key) = (key(names::system(own)), key(names::credentials(own)));
    let live = live(calls, cluster, &system_key).await?;
    let live_shown = calls.get(&resource(), &shown_key).await?;
    let shown = live_shown.as_ref().map(data).unwrap_or_default();
    let mut system = live.as_ref().map(data).unwrap_or_default();
    let more = system_lacks(&system, &shown)?;
    write(calls, cluster, &system_key, live.is_some(), &more).await?;
    system.extend(more);
    let more = applications_lack(cluster, &shown, &system, authority);
    write(calls, cluster, &shown_key, live_shown.is_some(), &more).await?;
    // What was read is what is changed, or nothing is.
    let moved: BTreeMap<&str, Value> =
        MOVED.into_iter().filter(|key| shown.contains_key(*key)).map(|key| (key, Value::Null)).collect();
    if is_unmounted && !moved.is_empty() {
        calls.merge(&resource(), &shown_key, &json!({"data": moved})).await?;
        tracing::info!(secret = %shown_key, "the agents' passwords are in a Secret of their own now");
    }
    Ok(())
}

/// Adds to a Secret, or makes it.
async fn write(
    calls: &Calls,
    cluster: &ValidCluster,
    key: &Key,
    is_there: bool,
    more: &Data,
) -> Result<(), SecretError> {
    let bytes: BTreeMap<&str, ByteString> =
        more.iter().map(|(key, bytes)| (key.as_str(), ByteString(bytes.clone()))).collect();
    if !is_there {
        let fields = json!({"type": "Opaque", "data": bytes});
        calls.create(&Manifest::labelled::<Secret>(cluster, &key.name, fields)).await?;
    } else if !more.is_empty() {
        calls.merge(&resource(), key, &json!({"data": bytes})).await?;
    }
    Ok(())
}

/// Returns what the agents' Secret lacks: as it was when there was one Secret, or new.
fn system_lacks(there: &Data, shown: &Data) -> Result<Data, NoChance> {
    let mut more = Data::new();
    // Applications may know a password already that no agent ever read: who put it there wants it to be theirs.
    for (key, known) in [
        (REPLICATION, shown.get(REPLICATION)),
        (APPLICATION, shown.get(APPLICATION).or_else(|| shown.get("password"))),
    ] {
        if !there.contains_key(key) {
            let bytes = match known {
                Some(known) => known.clone(),
                None => passwords::draw()?.into_bytes(),
            };
            more.insert(key.to_owned(), bytes);
        }
    }
    Ok(more)
}

/// Returns what the Secret for applications lacks.
fn applications_lack(cluster: &ValidCluster, there: &Data, system: &Data, authority: &str) -> Data {
    let host = format!("{}.{}.svc", names::primary_service(cluster.name.name()), cluster.name.namespace());
    let all = [
        ("host", host.into_bytes()),
        ("port", names::DATABASE_PORT.to_string().into_bytes()),
        ("user", cluster.database.user.clone().into_bytes()),
        ("password", system.get(APPLICATION).cloned().unwrap_or_default()),
        ("database", cluster.database.name.clone().into_bytes()),
    ];
    let missing = all.into_iter().filter(|(key, _)| !there.contains_key(*key));
    let mut more: Data = missing.map(|(key, bytes)| (key.to_owned(), bytes)).collect();
    if there.get(AUTHORITY).is_none_or(|known| known != authority.as_bytes()) {
        more.insert(AUTHORITY.to_owned(), authority.as_bytes().to_vec());
    }
    more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::tests::cluster;

    fn keys(data: &Data) -> Vec<&str> {
        data.keys().map(String::as_str).collect()
    }

    fn some(fields: &[(&str, &str)]) -> Data {
        fields.iter().map(|(key, text)| ((*key).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn applications_are_told_what_they_need_and_agents_the_rest() {
        let system = system_lacks(&Data::new(), &Data::new()).expect("passwords");
        assert_eq!(keys(&system), ["app-password", "replication-password"]);
        assert_ne!(system["app-password"], system["replication-password"]);
        let shown = applications_lack(&cluster(&json!({})), &Data::new(), &system, "PEM");
        assert_eq!(keys(&shown), ["ca.crt", "database", "host", "password", "port", "user"]);
        assert_eq!(shown["password"], system["app-password"]);
        assert_eq!(shown["host"], b"orders-primary.shop.svc");
    }

    #[test]
    fn only_what_is_missing_is_made() {
        let cluster = cluster(&json!({}));
        let mut system = system_lacks(&Data::new(), &Data::new()).expect("passwords");
        let mut shown = applications_lack(&cluster, &Data::new(), &system, "PEM");
        assert!(system_lacks(&system, &shown).expect("passwords").is_empty());
        assert!(applications_lack(&cluster, &shown, &system, "PEM").is_empty());
        assert_eq!(applications_lack(&cluster, &shown, &system, "NEW"), some(&[("ca.crt", "NEW")]));
        shown.remove("password");
        assert_eq!(applications_lack(&cluster, &shown, &system, "PEM")["password"], system["app-password"]);
        shown = some(&[("password", "mine")]);
        assert!(
            !applications_lack(&cluster, &shown, &system, "PEM").contains_key("password"),
            "a person's stays"
        );
        system.clear();
        assert_eq!(system_lacks(&system, &shown).expect("passwords")["app-password"], b"mine");
    }

    #[test]
    fn passwords_of_a_cluster_that_had_one_secret_are_taken_over() {
        let one =
            [("root-password", "r"), ("replication-password", "s"), ("app-password", "a"), ("password", "p")];
        let taken = system_lacks(&Data::new(), &some(&one)).expect("passwords");
        assert_eq!(taken, some(&[("app-password", "a"), ("replication-password", "s")]));
        let known = some(&[("app-password", "x"), ("replication-password", "y")]);
        assert!(system_lacks(&known, &some(&one)).expect("passwords").is_empty(), "what agents use counts");
    }
}
