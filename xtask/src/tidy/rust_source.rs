//! Rust source as tokens, so that comments, doc examples and string literals never look like code.
//!
//! [`paths`] finds every path that is written, with `use` groups unfolded; [`modules`] finds the modules that
//! live in files of their own. Neither resolves names: `use std as s; s::fs::read()` is beyond them.

use std::str::FromStr;

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// A path as written, such as `std`, `fs`, `read`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrittenPath {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

/// A `mod name;`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ModuleFile {
    /// The inline modules around it, outermost first, then its own name.
    pub(super) names: Vec<String>,
    /// The value of its `#[path]` attribute.
    pub(super) path: Option<String>,
}

/// Returns the paths in product code: items under `#[cfg(test)]` are left out.
pub(super) fn paths(source: &str) -> Result<Vec<WrittenPath>, LexError> {
    let mut found = Vec::new();
    collect_paths(&trees(TokenStream::from_str(source)?), &[], &mut found);
    Ok(found)
}

/// Returns the modules that are declared here and written in another file.
pub(super) fn modules(source: &str) -> Result<Vec<ModuleFile>, LexError> {
    let mut found = Vec::new();
    collect_modules(&trees(TokenStream::from_str(source)?), &[], &mut found);
    Ok(found)
}

fn trees(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

fn collect_paths(mut rest: &[TokenTree], prefix: &[String], found: &mut Vec<WrittenPath>) {
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            TokenTree::Punct(hash) if hash.as_char() == '#' && opens_with_cfg_test(after) => {
                rest = after_item(&after[1..]);
            }
            TokenTree::Ident(ident) => {
                let mut segments = prefix.to_vec();
                segments.push(ident.to_string());
                rest = extend_path(after, &mut segments, found);
                found.push(WrittenPath { segments, line: ident.span().start().line });
            }
            TokenTree::Group(group) => collect_paths(&trees(group.stream()), &[], found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Reads on after a path's first segment and returns what follows the path.
fn extend_path<'a>(
    mut rest: &'a [TokenTree],
    segments: &mut Vec<String>,
    found: &mut Vec<WrittenPath>,
) -> &'a [TokenTree] {
    while let [TokenTree::Punct(first), TokenTree::Punct(second), next, after @ ..] = rest {
        if (first.as_char(), second.as_char()) != (':', ':') {
            break;
        }
        match next {
            TokenTree::Ident(ident) => segments.push(ident.to_string()),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                collect_paths(&trees(group.stream()), segments, found);
            }
            TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => break,
        }
        rest = after;
    }
    rest
}

fn opens_with_cfg_test(rest: &[TokenTree]) -> bool {
    let Some(TokenTree::Group(attribute)) = rest.first() else {
        return false;
    };
    match trees(attribute.stream()).as_slice() {
        [TokenTree::Ident(cfg), TokenTree::Group(condition)] => {
            cfg == "cfg" && condition.stream().to_string() == "test"
        }
        _ => false,
    }
}

/// Returns what follows the item that `rest` starts with: past its `;` or its braces.
fn after_item(rest: &[TokenTree]) -> &[TokenTree] {
    let end = rest.iter().position(|tree| match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    });
    end.map_or(&[], |end| &rest[end + 1..])
}

fn collect_modules(mut rest: &[TokenTree], outer: &[String], found: &mut Vec<ModuleFile>) {
    let mut path = None;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (TokenTree::Ident(keyword), [TokenTree::Ident(name), body, after @ ..]) if keyword == "mod" => {
                let mut names = outer.to_vec();
                names.push(name.to_string());
                match body {
                    TokenTree::Group(body) => collect_modules(&trees(body.stream()), &names, found),
                    TokenTree::Punct(_) => found.push(ModuleFile { names, path: path.take() }),
                    TokenTree::Ident(_) | TokenTree::Literal(_) => {}
                }
                rest = after;
            }
            (TokenTree::Punct(hash), [TokenTree::Group(attribute), after @ ..]) if hash.as_char() == '#' => {
                path = path_attribute(&attribute.stream()).or(path);
                rest = after;
            }
            (TokenTree::Group(group), _) => collect_modules(&trees(group.stream()), outer, found),
            (TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_), _) => {}
        }
    }
}

fn path_attribute(attribute: &TokenStream) -> Option<String> {
    match trees(attribute.clone()).as_slice() {
        [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(value)] if name == "path" => {
            Some(value.to_string().trim_matches('"').to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
