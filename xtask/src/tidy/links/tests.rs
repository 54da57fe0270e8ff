use super::check;
use crate::tidy::tree::Tree;

/// The findings in `docs/guide.md` as `line: what`, next to `docs/adr/0001.md` and `README.md`.
fn in_guide(text: &str) -> Vec<String> {
    let tree = Tree::of([("README.md", ""), ("docs/adr/0001.md", ""), ("docs/guide.md", text)]);
    check(&tree).into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
}

#[test]
fn links_to_files_folders_and_addresses_hold() {
    let text = "[a](../README.md) [b](adr/0001.md#choice) [`c`](./adr) [d](/README.md \"title\") [e](<../README.md>)\n\
                [f](https://example.org/x) [g](#here) [h](mailto:a@example.org) [root](..)\n";
    assert_eq!(in_guide(text), [""; 0]);
}

#[test]
fn each_broken_link_is_found_at_its_line() {
    let text = "[a](README.md)\n\n![b](c.png) and [d](adr/0002.md#x)\n";
    assert_eq!(
        in_guide(text),
        [
            "1: the link to README.md is broken",
            "3: the link to c.png is broken",
            "3: the link to adr/0002.md is broken"
        ]
    );
}

#[test]
fn reference_definitions_are_links_and_footnotes_are_not() {
    assert_eq!(
        in_guide("[a]: gone.md\n[b]: ../README.md 'title'\n[^1]: see gone.md\n"),
        ["1: the link to gone.md is broken"]
    );
}

#[test]
fn a_link_out_of_the_repository_is_found() {
    assert_eq!(
        in_guide("[a](../../elsewhere.md)"),
        ["1: the link to ../../elsewhere.md leaves the repository"]
    );
}

#[test]
fn code_is_not_a_link_and_what_follows_it_is() {
    let text = "`[a](gone.md)`\n```text\n[b](gone.md)\n~~~\n```\n[c](gone.md)\n";
    assert_eq!(in_guide(text), ["6: the link to gone.md is broken"]);
}

#[test]
fn only_markdown_is_read() {
    assert!(check(&Tree::of([("a.rs", "// [a](gone.md)")])).is_empty());
}
