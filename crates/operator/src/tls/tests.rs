use super::*;

const NOW: i64 = 1_800_000_000;

fn names() -> Vec<String> {
    ["orders", "*.orders-instances.shop.svc"].map(str::to_owned).into()
}

#[test]
fn a_certificate_is_good_until_a_third_of_its_life_is_left() {
    let made = make("orders", &names(), NOW).expect("certificates");
    assert!(is_good(&made, &names(), NOW));
    assert!(is_good(&made, &names(), NOW + 59 * DAY));
    assert!(!is_good(&made, &names(), NOW + 61 * DAY));
    let more = ["orders", "other"].map(str::to_owned);
    assert!(!is_good(&made, &more, NOW), "a name is missing");
}

#[test]
fn the_authority_stays_when_a_certificate_is_made_anew() {
    let made = make("orders", &names(), NOW).expect("certificates");
    let later = NOW + 80 * DAY;
    let renewed =
        sign(&made.authority, &made.authority_key, "orders", &names(), later).expect("certificates");
    assert_eq!(renewed.authority, made.authority);
    assert_ne!(renewed.key, made.key);
    assert!(is_good(&renewed, &names(), later));
    let mixed = Certificates { key: made.key.clone(), ..renewed };
    assert!(!is_good(&mixed, &names(), later), "the key is of another certificate");
}

#[test]
fn an_authority_that_cannot_sign_is_an_error() {
    let (made, other) =
        (make("orders", &names(), NOW).expect("ok"), make("orders", &names(), NOW).expect("ok"));
    let error = sign(&made.authority, &other.authority_key, "orders", &names(), NOW).err().expect("an error");
    assert!(error.to_string().contains("ca.key belongs to another"), "{error}");
    let error = sign(&made.authority, &made.authority_key, "orders", &names(), NOW + 30 * 365 * DAY);
    assert!(error.err().expect("an error").to_string().contains("expired"));
}

#[test]
fn a_users_certificate_is_good_for_that_user_by_that_authority_for_two_thirds_of_its_life() {
    let made = make("databases", &[], NOW).expect("an authority");
    let other = make("databases", &[], NOW).expect("another authority of the same name");
    let signed = sign_user(&made.authority, &made.authority_key, "shop/orders", NOW).expect("a certificate");
    assert!(is_good_user(&signed, &made.authority, "shop/orders", NOW + 59 * DAY));
    assert!(!is_good_user(&signed, &made.authority, "shop/orders", NOW + 61 * DAY));
    assert!(!is_good_user(&signed, &made.authority, "shop/bills", NOW), "another user");
    assert!(!is_good_user(&signed, &other.authority, "shop/orders", NOW), "another authority");
    let mixed = Signed { key: made.key.clone(), ..signed };
    assert!(!is_good_user(&mixed, &made.authority, "shop/orders", NOW), "the key is of another certificate");
    let error = sign_user(&made.authority, &other.authority_key, "shop/orders", NOW).err().expect("an error");
    assert!(error.to_string().contains("certificates for agents"), "{error}");
}
