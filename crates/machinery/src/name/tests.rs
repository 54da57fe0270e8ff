use serde_json::json;

use super::*;

type Check = fn(&str) -> Vec<String>;

#[test]
fn what_is_fine_passes_and_what_is_not_does_not() {
    let long = "a".repeat(64);
    let table: &[(Check, &[&str], &[&str])] = &[
        (dns1123_label, &["a", "0-9", "my-name"], &["", "-a", "a-", "A", "a.b", "a_b", &long]),
        (dns1123_subdomain, &["a", "a.b-c.0"], &["", ".", "a.", ".a", "a..b", "A.b", "a.-b"]),
        (dns1035_label, &["a", "a-0"], &["", "0a", "a.b", "-", &long]),
        (wildcard_subdomain, &["*.a", "*.a.b"], &["*", "a.b", "*.*.a", "f*.b", "*."]),
        (qualified_name, &["a", "A_b.c-d", "x.y/Z"], &["", "/a", "a/", "a/b/c", "X/a", "-a", "a b", &long]),
        (label_value, &["", "A", "a.b_c-d"], &["-", "a b", "a/b", &long]),
        (c_identifier, &["_", "a0"], &["", "0a", "a-b"]),
        (env_var_name, &["a b", "0", "."], &["", "a=b", "é", "\n"]),
        (config_map_key, &["a", ".a", "a..b"], &["", ".", "..", "..a", "a/b"]),
        (port_name, &["http", "a-0"], &["", "0", "a--b", "-a", "A", "sixteen-letters-"]),
        (http_header_name, &["X-A"], &["", "a b", "a:"]),
        (path_segment_name, &["", "a:b", "..."], &[".", "..", "a/b", "a%b"]),
        (percent, &["0%", "100%"], &["", "%", "5", "-5%", "5%%"]),
        (
            canonical_ip,
            &["10.0.0.1", "::1"],
            &["", "10.0.0", "010.0.0.1", "::ffff:1.2.3.4", "1::0", "256.0.0.1"],
        ),
        (
            canonical_cidr,
            &["10.0.0.0/8", "::/0"],
            &["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "1:0::/64", "a"],
        ),
    ];
    for (check, fine, wrong) in table {
        for value in *fine {
            assert_eq!(check(value), Vec::<String>::new(), "{value:?}");
        }
        for value in *wrong {
            assert!(!check(value).is_empty(), "{value:?}");
        }
    }
}

#[test]
fn words_are_those_clients_know() {
    assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
    assert_eq!(
        dns1123_subdomain("A"),
        [
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ]
    );
    assert_eq!(
        qualified_name(""),
        [
            "name part must be non-empty",
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        ]
    );
    assert_eq!(dns1035_label(&"a".repeat(64)), ["must be no more than 63 characters"]);
    assert_eq!(label_value(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    assert_eq!(ip("010.0.0.1", true), ["must not have leading 0s"]);
    assert_eq!(ip("010.0.0.1", false), Vec::<String>::new());
    assert_eq!(canonical_ip("1::0"), ["must be in canonical form (\"1::\")"]);
    assert_eq!(cidr("10.0.0.1/8", true), ["must not have bits set beyond the prefix length"]);
    assert_eq!(port_number(0), ["must be between 1 and 65535, inclusive"]);
}

#[test]
fn maps_are_checked_key_by_key() {
    let path = Path::new("metadata").child("labels");
    let errors = labels(&json!({"a b": "x", "fine": "y z"}), &path);
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 2);
    assert!(shown[0].starts_with("metadata.labels: Invalid value: \"a b\": name part must consist of"));
    assert!(shown[1].starts_with("metadata.labels: Invalid value: \"y z\": a valid label must be"));
    assert_eq!(annotations(&json!({"Example.COM/A": "any thing"}), &path), []);
    let large = annotations(&json!({"a": "x".repeat(ANNOTATIONS_MAX)}), &path);
    assert_eq!(large[0].to_string(), "metadata.labels: Too long: may not be more than 262144 bytes");
}
