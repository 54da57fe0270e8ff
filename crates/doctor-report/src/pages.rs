//! The documentation of checks: a page for each and an index, made from the checks themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use stanchion_doctor_core::{Check, Group, annotation_of};

use crate::words::{counted, line};

/// A file of the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its path below the folder of the checks: `etcd/space.md`.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Writes a page for each check, and the index.
pub fn pages(checks: &[&Check]) -> Vec<Page> {
    let index = Page { path: "README.md".to_owned(), text: index(checks) };
    let each = checks.iter().map(|check| Page { path: path(check), text: page(check) });
    std::iter::once(index).chain(each).collect()
}

fn path(check: &Check) -> String {
    format!("{}.md", check.id)
}

fn index(checks: &[&Check]) -> String {
    let mut groups: BTreeMap<&str, Vec<&Check>> = BTreeMap::new();
    for check in checks {
        groups.entry(check.group.name()).or_default().push(check);
    }
    let mut text = String::from("# The checks of the doctor\n\n");
    text += "Made from the checks themselves by `cargo xtask checks`: change those, not these pages.\n\n";
    let repaired = checks.iter().filter(|check| check.fix.is_some()).count();
    let (all, groups_of) = (counted(checks.len(), "check"), counted(groups.len(), "group"));
    line(
        &mut text,
        format_args!(
            "{all} in {groups_of}. What {repaired} of them find can be repaired by `stanchion doctor fix`."
        ),
    );
    text += "[The doctor](../doctor.md) says how they are run, what the severities mean, and how findings are exempt.\n";
    for (group, checks) in groups {
        line(
            &mut text,
            format_args!("\n## {group}\n\n| Check | Gravest | Repaired | What is wrong |\n|---|---|:-:|---|"),
        );
        for check in checks {
            let fix = if check.fix.is_some() { "yes" } else { "" };
            line(
                &mut text,
                format_args!(
                    "| [{}]({}) | {} | {fix} | {} |",
                    check.id,
                    path(check),
                    check.severity,
                    cell(check.title)
                ),
            );
        }
    }
    text
}

fn page(check: &Check) -> String {
    let Check { id, group, severity, title, meaning, basis, needs, fix, .. } = check;
    let mut text = String::new();
    line(&mut text, format_args!("# {id}: {}\n\n{}\n", plain(title), plain(meaning)));
    line(&mut text, format_args!("| | |\n|---|---|"));
    line(&mut text, format_args!("| Group | {group} |\n| Gravest severity | {severity} |"));
    line(&mut text, format_args!("| Read within | {} |", seconds(check.deadline())));
    text += "\n## What it has to know\n\n";
    for need in *needs {
        line(&mut text, format_args!("- {}: {}", need.name(), options(need.asked_with())));
    }
    text += "\nIf some of it cannot be read, the check is not run, and the report says so.\n";
    text += "\n## What is done about it\n\n";
    match fix {
        Some(fix) => line(
            &mut text,
            format_args!("`stanchion doctor fix {id}` {}. It shows its plan first.", plain(fix)),
        ),
        None => line(
            &mut text,
            format_args!("`stanchion doctor --explain --only {id}` says with each finding what to do."),
        ),
    }
    text += "\n## Where that is from\n\n";
    for basis in *basis {
        line(&mut text, format_args!("- <{basis}>"));
    }
    exemption(&mut text, check);
    text
}

/// Says how a finding of a check is exempt.
fn exemption(text: &mut String, check: &Check) {
    let (id, annotation) = (check.id, annotation_of(check.id));
    text.push_str("\n## Where it may stay\n");
    if is_of_objects(check) {
        text.push_str("\nOn an object, or on a namespace for all in it:\n\n```sh\n");
        line(
            text,
            format_args!("kubectl annotate KIND NAME {annotation}='why it may stay; until 2027-01-31'"),
        );
        text.push_str("```\n");
    }
    text.push_str("\nIn a file for `--exemptions`:\n\n```yaml\n");
    line(
        text,
        format_args!("- check: {id}\n  name: \"*\"\n  reason: why it may stay\n  expires: 2027-01-31\n```"),
    );
    text.push_str("\nThe end may be left out, the reason not.\n");
}

/// Returns whether what a check finds is about objects of the API, which can be annotated.
fn is_of_objects(check: &Check) -> bool {
    !matches!(check.group, Group::Certs | Group::Etcd | Group::Exemptions)
}

/// Writes the text of a check into a document: what would be taken for an element is not.
fn plain(text: &str) -> String {
    text.replace('<', "\\<")
}

/// Writes the text of a check into a table.
fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}

/// Writes options, which are named between commas, as code.
fn options(options: &str) -> String {
    options.split(", ").map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", ")
}

fn seconds(deadline: Duration) -> String {
    format!("{} s", deadline.as_secs())
}

#[cfg(test)]
mod tests {
    use stanchion_doctor_core::{ALL, find};

    use super::*;

    #[test]
    fn a_page_says_what_its_check_says() {
        let check = find("etcd/space").expect("it is there");
        let text = page(check);
        for part in [
            "# etcd/space: ",
            check.meaning,
            "| Gravest severity | critical |",
            "`--etcd-endpoints`",
            "`stanchion doctor fix etcd/space`",
            "- check: etcd/space\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
    }

    #[test]
    fn the_index_leads_to_every_page() {
        let pages = pages(ALL);
        assert_eq!(pages.len(), ALL.len() + 1);
        for page in &pages[1..] {
            assert!(pages[0].text.contains(&format!("]({})", page.path)), "{}", page.path);
        }
    }
}
