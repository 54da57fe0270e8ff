//! A relative link in a Markdown file leads to a file or folder of the repository.
//!
//! Inline links and images, and reference definitions; code is skipped. Anchors are not checked.

use super::Finding;
use super::tree::{Tree, has_extension};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let documents = tree.texts().filter(|(path, _)| has_extension(path, "md"));
    documents.flat_map(|(path, text)| check_document(tree, path, text)).collect()
}

fn check_document(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, target) in targets(text) {
        match resolve(path, &target) {
            Some(file) if tree.contains(&file) => {}
            Some(file) => {
                let mend = format!("there is no {file}: mend the link, or add the file");
                findings.push(Finding::new(path, line, format!("the link to {target} is broken"), mend));
            }
            None => {
                let mend = "link within the repository, or write the full address";
                findings.push(Finding::new(
                    path,
                    line,
                    format!("the link to {target} leaves the repository"),
                    mend,
                ));
            }
        }
    }
    findings
}

/// Returns the relative targets of the document's links, with their lines.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut fence: Option<&str> = None;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let marker = ["```", "~~~"].into_iter().find(|marker| line.trim_start().starts_with(marker));
        match (fence, marker) {
            (None, Some(marker)) => fence = Some(marker),
            (Some(open), Some(marker)) if open == marker => fence = None,
            (Some(_), _) => {}
            (None, None) => {
                let line = without_code(line);
                let relative =
                    inline_targets(&line).chain(definition_target(&line)).filter_map(relative_path);
                found.extend(relative.map(|target| (index + 1, target)));
            }
        }
    }
    found
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

fn inline_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// The target of a `[label]: target` line. Footnotes, `[^1]: text`, are not links.
fn definition_target(line: &str) -> Option<&str> {
    let (label, target) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
    (!label.starts_with('^') && !label.contains(']')).then_some(target)
}

/// The path of a link's target, without title and anchor; `None` for an address or an anchor alone.
fn relative_path(target: &str) -> Option<String> {
    let target = target.split_whitespace().next()?;
    let target = target.trim_start_matches('<').trim_end_matches('>');
    let path = target.split(['#', '?']).next()?;
    let scheme = path.split_once(':').is_some_and(|(scheme, _)| !scheme.contains('/'));
    (!path.is_empty() && !scheme && !path.starts_with("//")).then(|| path.to_owned())
}

/// Returns where a target leads, from the root; `None` above it. A leading `/` stands for the root.
fn resolve(document: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests;
