//! Tests of who is kept, adopted and released.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::*;

fn meta(uid: &str, labels: &[(&str, &str)], ends: bool) -> ObjectMeta {
    ObjectMeta {
        uid: Some(uid.to_owned()),
        labels: Some(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
        deletion_timestamp: ends.then_some(Time(Timestamp::UNIX_EPOCH)),
        ..ObjectMeta::default()
    }
}

fn owned(mut object: ObjectMeta, by: &str) -> ObjectMeta {
    let owner = OwnerReference { uid: by.to_owned(), controller: Some(true), ..OwnerReference::default() };
    object.owner_references = Some(vec![owner]);
    object
}

#[test]
fn claims() {
    let selector = Labels::parse("app=web").expect("a selector");
    let (lives, ends) = (meta("me", &[], false), meta("me", &[], true));
    let (web, other) = ([("app", "web")], [("app", "other")]);
    let table = [
        (&lives, owned(meta("p", &web, false), "me"), Claim::Mine),
        (&lives, owned(meta("p", &other, false), "me"), Claim::Release),
        (&lives, owned(meta("p", &web, false), "you"), Claim::Other),
        (&lives, meta("p", &web, false), Claim::Adopt),
        (&lives, meta("p", &other, false), Claim::Other),
        (&lives, meta("p", &web, true), Claim::Other),
        (&ends, owned(meta("p", &web, false), "me"), Claim::Mine),
        (&ends, owned(meta("p", &other, false), "me"), Claim::Other),
        (&ends, meta("p", &web, false), Claim::Other),
    ];
    for (owner, object, expected) in table {
        assert_eq!(claim(owner, &selector, &object), expected, "{object:?}");
    }
}
