//! `fieldSelector`: `metadata.name=a,status.phase!=Running`, where `\` escapes `\`, `,` and `=`.

use std::fmt;

use super::SelectorError;

/// A demand on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTerm {
    /// The field.
    pub field: String,
    /// Whether the value must differ.
    pub negated: bool,
    /// The value.
    pub value: String,
}

/// A selector over fields: all terms must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    terms: Vec<FieldTerm>,
}

impl Fields {
    /// Reads a `fieldSelector` of a query.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut parts = split_terms(text);
        parts.sort_unstable();
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let terms = parts.map(|part| {
            let unclear = || SelectorError(format!("invalid selector: '{text}'; can't understand '{part}'"));
            let (field, negated, value) = split_operator(part).ok_or_else(unclear)?;
            Ok(FieldTerm { field: field.to_owned(), negated, value: unescape(value)? })
        });
        Ok(Self { terms: terms.collect::<Result<_, SelectorError>>()? })
    }

    /// Returns the terms.
    pub fn terms(&self) -> &[FieldTerm] {
        &self.terms
    }

    /// Returns whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns whether fields are selected; `fields` looks up a value, empty if there is none.
    pub fn matches<'a>(&self, fields: impl Fn(&str) -> &'a str) -> bool {
        self.terms.iter().all(|term| (fields(&term.field) == term.value) != term.negated)
    }

    /// Returns the value that a field must have, if one is demanded.
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.field == field && !term.negated).map(|term| term.value.as_str())
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let operator = if term.negated { "!=" } else { "=" };
            let value = term.value.replace('\\', r"\\").replace(',', r"\,").replace('=', r"\=");
            write!(f, "{comma}{}{operator}{value}", term.field)?;
        }
        Ok(())
    }
}

fn split_terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let literal = std::mem::take(&mut escaped);
        escaped = !literal && c == '\\';
        !literal && c == ','
    })
    .collect()
}

fn split_operator(part: &str) -> Option<(&str, bool, &str)> {
    let equals = part.find('=')?;
    let rest = &part[equals + 1..];
    match part[..equals].strip_suffix('!') {
        Some(field) => Some((field, true, rest)),
        None => Some((&part[..equals], false, rest.strip_prefix('=').unwrap_or(rest))),
    }
}

fn unescape(value: &str) -> Result<String, SelectorError> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                other => {
                    let sequence: String = std::iter::once('\\').chain(other).collect();
                    return Err(SelectorError(format!(
                        "invalid field selector: invalid escape sequence: {sequence}"
                    )));
                }
            },
            // The server shows the number of the character.
            ',' | '=' => {
                return Err(SelectorError(format!(
                    "invalid field selector: unescaped character in value: {}",
                    u32::from(c)
                )));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}
