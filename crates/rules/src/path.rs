//! `fieldPath`: where an error of a rule is told.

use stanchion_machinery::field::Path;
use stanchion_machinery::structural::Structural;

/// Checks a path against the schema it starts at and returns it as errors show it.
pub(crate) fn resolve(source: &str, schema: &Structural) -> Result<String, String> {
    let mut schema = schema;
    let mut path = Path::root();
    let mut rest = source;
    while !rest.is_empty() {
        let name;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[', ']']).unwrap_or(after.len());
            if end == 0 {
                return Err("unexpected end of JSON path".to_owned());
            }
            name = after[..end].to_owned();
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix("['") {
            let (quoted, tail) = quoted(after)?;
            name = quoted;
            rest = tail.strip_prefix(']').ok_or_else(|| format!("expected ] but got {tail}"))?;
        } else if let Some(after) = rest.strip_prefix('[') {
            let end = after.find(']').unwrap_or(after.len());
            return Err(format!("expected single quoted string but got {}", &after[..end]));
        } else {
            let end = rest.find(['.', '[', ']']).unwrap_or(rest.len());
            return Err(format!("expected [ or . but got: {}", &rest[..end.max(1).min(rest.len())]));
        }
        if !schema.properties.is_empty() {
            schema = schema.properties.get(&name).ok_or("does not refer to a valid field")?;
            path = path.child(&name);
        } else if let Some(values) = schema.additional.schema() {
            schema = values;
            path = path.key(&name);
        } else {
            return Err("does not refer to a valid field".to_owned());
        }
    }
    Ok(path.as_str().to_owned())
}

fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok((out, &text[at + 1..])),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(c @ ('\'' | '\\')) => out.push(c),
                other => {
                    let c = other.map_or_else(String::new, String::from);
                    return Err(format!("invalid string literal: invalid escape char \\{c}"));
                }
            },
            other => out.push(other),
        }
    }
    Err("unexpected end of JSON path".to_owned())
}
