use proptest::prelude::*;

use super::*;

fn shape(text: &str) -> Shape {
    Script::read(text).shape()
}

fn words(text: &str) -> Vec<Vec<String>> {
    Script::read(text).commands().map(<[String]>::to_vec).collect()
}

#[test]
fn scripts_that_make_way_are_fine() {
    for text in [
        "exec mysqld",
        "cd /data && exec ./server --port 1",
        "trap 'kill $pid' TERM; server & pid=$!; wait $pid",
        "if [ -f x ]; then exec a; else exec b; fi",
        "",
        "# nothing",
        "if true; then server; fi",
        "cat <<EOF\nx\nEOF\nserver",
        "(server)",
        "a 'unclosed",
        "server &",
    ] {
        assert_eq!(shape(text), Shape::Fine, "{text:?}");
    }
}

#[test]
fn what_keeps_a_shell_is_seen() {
    for (text, expected) in [
        ("server --flag", Shape::Single),
        ("LD_PRELOAD=x server 'a; b' \"c && d\" e\\;f", Shape::Single),
        ("server 2>&1", Shape::Single),
        ("prepare; server", Shape::List),
        ("prepare && server", Shape::List),
        ("set -e\nprepare\nserver\n", Shape::List),
        ("exec 2>&1\nserver", Shape::List),
        ("a || server", Shape::List),
        ("server | tee /log", Shape::Pipeline),
        ("server |& tee /log", Shape::Pipeline),
        ("one & two & wait", Shape::Waits),
        ("server || true", Shape::Followed),
        ("server; exit $?", Shape::Followed),
        ("while true; do date; sleep 1; done", Shape::Loop),
    ] {
        assert_eq!(shape(text), expected, "{text:?}");
    }
    assert!(Script::read("server > /log").is_redirected());
    assert!(!Script::read("prepare > /log; server").is_redirected());
}

#[test]
fn words_are_as_a_shell_has_them() {
    assert_eq!(words("A=1 'x y' \"z $(a; b)\" 2>/dev/null >> f # c"), [["x y", "z $(a; b)"]]);
    assert_eq!(words("a;b&&c"), [["a"], ["b"], ["c"]]);
    assert_eq!(words("psql -U postgres\\\n -c x"), [["psql", "-U", "postgres", "-c", "x"]]);
}

#[test]
fn scripts_are_found_in_command_lines() {
    let of = |words: &[&str]| {
        let line: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        script_of(&line).map(|(shell, script)| (shell.to_owned(), script.to_owned()))
    };
    let some = |shell: &str, script: &str| Some((shell.to_owned(), script.to_owned()));
    assert_eq!(of(&["sh", "-c", "a b"]), some("sh", "a b"));
    assert_eq!(of(&["/bin/bash", "-euo", "pipefail", "-c", "a"]), some("bash", "a"));
    assert_eq!(of(&["/bin/bash", "-ec", "a", "name"]), some("bash", "a"));
    assert_eq!(of(&["bash", "/run.sh", "-c"]), None);
    assert_eq!(of(&["sh"]), None);
    assert_eq!(of(&["tini", "--", "sh", "-c", "a"]), None);
}

proptest! {
    #[test]
    fn whatever_stands_in_a_script_is_read_to_its_end(text in "[a-z ;&|<>()$'\"`\\\\#\n=]{0,60}") {
        let script = Script::read(&text);
        let words: usize = script.commands().map(<[String]>::len).sum();
        prop_assert!(words <= text.len(), "{words} words");
        let letters = script.commands().flatten().map(String::len).sum::<usize>();
        prop_assert!(letters <= text.len(), "{letters} letters");
        script.shape();
    }
}
