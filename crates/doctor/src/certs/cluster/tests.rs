use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use serde_json::json;

use super::trusting::Trusting;
use super::*;

/// Makes an authority that ends in a year, in PEM.
fn authority(until: i32) -> String {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").pem()
}

fn until(look: &Look) -> Vec<i64> {
    look.found.iter().map(|parsed| parsed.facts.not_after).collect()
}

#[test]
fn the_authority_that_lasts_the_longest_stands_for_its_bundle() {
    let (old, new) = (authority(2026), authority(2036));
    let object = Subject::new("ValidatingWebhookConfiguration", "w");
    let mut look = Look::default();
    let bundle = STANDARD.encode(format!("{old}{new}"));
    look.bundle(&bundle, &object);
    look.bundle(&bundle, &object);
    assert_eq!(
        until(&look),
        [date_time_ymd(2036, 1, 1).unix_timestamp()],
        "once for all webhooks of one object"
    );
    assert_eq!(look.found[0].facts.object, Some(object.clone()));
    assert_eq!(look.others.len(), 1, "the other one is trusted, too");
    look.bundle(&STANDARD.encode(&old), &Subject::new("APIService", "v1.example.com"));
    assert_eq!(until(&look).len(), 2);
    assert!(look.missing.is_empty(), "{:?}", look.missing);
    // What a controller fills in later.
    look.bundle("Cg==", &object);
    assert!(until(&look).len() == 2 && look.missing.is_empty(), "{:?}", look.missing);
    look.bundle("%", &object);
    assert!(look.missing.len() == 1 && look.missing[0].contains("no base64"), "{:?}", look.missing);
}

#[test]
fn objects_hold_bundles_in_three_ways() {
    let read = |object| serde_json::from_value::<Trusting>(object).expect("an object");
    let webhook = read(
        json!({"metadata": {"name": "a"}, "webhooks": [{"name": "x", "clientConfig": {"caBundle": "AA=="}}]}),
    );
    assert_eq!(webhook.webhooks[0].client_config.bundle.as_deref(), Some("AA=="));
    let service = read(json!({"metadata": {"name": "b"}, "spec": {"group": "g", "caBundle": "AA=="}}));
    assert_eq!(service.spec.bundle.as_deref(), Some("AA=="));
    let crd = read(json!({"metadata": {"name": "c"}, "spec": {"conversion": {"strategy": "Webhook",
        "webhook": {"clientConfig": {"caBundle": "AA=="}, "conversionReviewVersions": ["v1"]}}}}));
    assert!(crd.spec.conversion.webhook.is_some_and(|webhook| webhook.client_config.bundle.is_some()));
    let none = read(
        json!({"metadata": {"name": "d"}, "spec": {"conversion": {"strategy": "None"}, "caBundle": null}}),
    );
    assert!(none.spec.bundle.is_none() && none.spec.conversion.webhook.is_none());
}
