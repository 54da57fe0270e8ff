use k8s_openapi::api::core::v1::Container;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::container::WaitingReason;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn name(text: &str) -> ImageName {
    ImageName::parse(text).expect(text)
}

#[test]
fn names_are_taken_apart() {
    let table = [
        ("nginx", "docker.io/library/nginx", "nginx", None),
        ("bitnami/nginx:1.2", "docker.io/bitnami/nginx", "bitnami/nginx", Some("1.2")),
        ("docker.io/library/nginx", "docker.io/library/nginx", "nginx", None),
        ("localhost/a:x", "localhost/a", "localhost/a", Some("x")),
        ("reg.example:5000/a/b:v_1-2", "reg.example:5000/a/b", "reg.example:5000/a/b", Some("v_1-2")),
        ("registry.k8s.io/a__b/c--d.e", "registry.k8s.io/a__b/c--d.e", "registry.k8s.io/a__b/c--d.e", None),
    ];
    for (text, full, short, tag) in table {
        let name = name(text);
        assert_eq!(
            (name.full().as_str(), name.short().as_str(), name.tag.as_deref()),
            (full, short, tag),
            "{text}"
        );
    }
    let digested = name(&format!("a/b:t@{DIGEST}"));
    assert_eq!(
        (digested.last(), digested.tag.as_deref(), digested.digest.as_deref()),
        ("b", Some("t"), Some(DIGEST))
    );
}

#[test]
fn names_that_are_none_are_refused() {
    let wrong = [
        "",
        "A",
        "a b",
        "a:",
        ":x",
        "a/",
        "/a",
        "a@x",
        "a@sha256:12",
        "a..b",
        "a___b",
        "-a",
        "a:.x",
        "a.b:x/c",
        "é",
    ];
    for text in wrong {
        assert!(ImageName::parse(text).is_err(), "{text:?}");
    }
    let error = ImageName::parse("UP").expect_err("refused").to_string();
    let expected = "Failed to apply default image tag \"UP\": couldn't parse image name \"UP\": invalid reference format";
    assert_eq!(error, expected);
}

fn look_up(table: &Table, image: &str) -> Lookup {
    table.look_up(&name(image), |program, directories| match program {
        "postgres" => {
            assert_eq!(directories, ["/usr/lib/postgresql/*/bin"]);
            let directory = "/usr/lib/postgresql/17/bin".to_owned();
            Some((format!("{directory}/postgres"), Some(directory)))
        }
        "etcd" => None,
        other => Some((format!("/usr/bin/{other}"), None)),
    })
}

fn words(table: &Table, image: &str, command: &[&str], args: &[&str]) -> String {
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let Lookup::Found(found) = look_up(table, image) else { panic!("{image} is not there") };
    found.command_line(&own(command), &own(args)).join("|")
}

#[test]
fn command_lines_follow_the_image_and_the_pod() {
    let table = Table::default();
    let lines = [
        ("mariadb:11.8", [].as_slice(), [].as_slice(), "/usr/bin/mariadbd"),
        ("mysql:8", &[], &["--port=1"], "/usr/bin/mariadbd|--port=1"),
        ("mariadb", &[], &["sh", "-c", "x"], "sh|-c|x"),
        ("mariadb", &["mariadbd"], &["--a"], "mariadbd|--a"),
        ("docker.io/library/postgres:17", &[], &[], "/usr/lib/postgresql/17/bin/postgres"),
        ("bitnami/postgresql", &[], &["-p", "1"], "/usr/lib/postgresql/17/bin/postgres|-p|1"),
        ("nginx:1.27", &[], &[], "/usr/bin/nginx|-g|daemon off;"),
        ("busybox", &[], &["sleep", "5"], "sleep|5"),
        ("busybox:1.36", &[], &[], "/usr/bin/sh"),
        ("curlimages/curl:8", &[], &["http://x"], "curl|http://x"),
        ("registry.k8s.io/pause:3.10", &[], &[], "/usr/bin/sleep|infinity"),
    ];
    for (image, command, args, expected) in lines {
        assert_eq!(words(&table, image, command, args), expected, "{image} {command:?} {args:?}");
    }
    let Lookup::Found(found) = look_up(&table, "postgres") else { panic!("postgres is not there") };
    assert_eq!(found.directory.as_deref(), Some("/usr/lib/postgresql/17/bin"));
    assert_eq!(found.image_id(), "host:///usr/lib/postgresql/17/bin/postgres");
}

#[test]
fn what_is_missing_says_what_to_install() {
    let table = Table::default();
    let lookup = look_up(&table, "quay.io/coreos/etcd:v3.6.0");
    let waiting = refusal(PullPolicy::Always, "etcd", &lookup).expect("refused");
    assert_eq!(waiting.reason, WaitingReason::ErrImagePull);
    let expected = "image \"etcd\" stands for the program etcd, which is not installed: install the Debian package \
                    etcd-server (apt-get install etcd-server)";
    assert_eq!(waiting.message, expected);
    let unknown = look_up(&table, "example.com/app");
    assert_eq!(unknown, Lookup::Unknown);
    let waiting = refusal(PullPolicy::Never, "example.com/app", &unknown).expect("refused");
    assert_eq!(waiting.reason, WaitingReason::ErrImageNeverPull);
    assert_eq!(refusal(PullPolicy::Never, "nginx", &look_up(&table, "nginx")), None);
}

#[test]
fn rows_of_a_user_come_first_and_the_fullest_name_decides() {
    let rows = json!([
        {"image": "nginx", "program": "/opt/nginx", "args": ["-x"]},
        {"image": "example.com/a/app:v2", "program": "two"},
        {"image": "example.com/a/app", "program": "one", "entrypoint": ["one", "--"], "takesFlags": false},
    ]);
    let table = Table::with_rows(serde_json::from_value(rows).expect("rows")).expect("a table");
    let program = |image: &str| table.row(&name(image)).map(|row| row.program.as_str());
    assert_eq!(program("nginx:1"), Some("/opt/nginx"));
    assert_eq!(program("example.com/a/app:v2"), Some("two"));
    assert_eq!(program("example.com/a/app:v3"), Some("one"));
    assert_eq!(program("example.com/b/app:v3"), None);
    assert_eq!(words(&table, "example.com/a/app", &[], &["x"]), "one|--|x");
    let error = |row: serde_json::Value| {
        Table::with_rows(vec![serde_json::from_value(row).expect("a row")]).expect_err("refused").to_string()
    };
    assert!(error(json!({"image": "a", "program": "b/c"})).contains("neither a name nor an absolute path"));
    assert!(error(json!({"image": "A", "program": "b"})).contains("cannot be read"));
    assert!(error(json!({"image": "a", "program": "b", "directories": ["x"]})).contains("is not absolute"));
    assert!(serde_json::from_value::<Row>(json!({"image": "a", "program": "b", "cmd": []})).is_err());
}

#[test]
fn every_built_in_row_is_sound() {
    for row in builtin::rows() {
        row.check().expect("a sound row");
    }
}

#[test]
fn policies_follow_the_tag() {
    let policy = |image: &str, policy: Option<&str>| {
        let image_pull_policy = policy.map(str::to_owned);
        PullPolicy::of(&Container { image_pull_policy, ..Container::default() }, &name(image))
    };
    assert_eq!(policy("a", None), Ok(PullPolicy::Always));
    assert_eq!(policy("a:latest", None), Ok(PullPolicy::Always));
    assert_eq!(policy("a:1", None), Ok(PullPolicy::IfNotPresent));
    assert_eq!(policy(&format!("a@{DIGEST}"), None), Ok(PullPolicy::IfNotPresent));
    assert_eq!(policy("a", Some("Never")), Ok(PullPolicy::Never));
    assert!(policy("a", Some("Sometimes")).is_err());
}

proptest! {
    #[test]
    fn names_survive(text in "([a-z]{1,3}[.:]?[a-z0-9]{0,2}/)?[a-z0-9._-]{1,6}(/[a-z]{1,3})?(:[a-z0-9.]{1,4})?|\\PC{0,20}") {
        if let Ok(name) = ImageName::parse(&text) {
            let tag = name.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = name.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
            let full = format!("{}{tag}{digest}", name.full());
            prop_assert_eq!(ImageName::parse(&full), Ok(name));
        }
    }
}
