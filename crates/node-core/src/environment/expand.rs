//! References to variables: `$(NAME)`, and `$$` for one dollar.

use super::Variables;

/// Fills in the references of a text; the first map that has the name decides. What no map has stays as it is.
pub fn expand(text: &str, maps: &[&Variables]) -> String {
    fill(text, maps, |name| format!("$({name})"))
}

/// Fills in the references of a text in which each has to be known. Fails with the first name that is not.
pub fn expand_known(text: &str, map: &Variables) -> Result<String, String> {
    let mut unknown = None;
    let filled = fill(text, &[map], |name| {
        unknown.get_or_insert_with(|| name.to_owned());
        String::new()
    });
    match unknown {
        None => Ok(filled),
        Some(name) => Err(name),
    }
}

fn fill(text: &str, maps: &[&Variables], mut unknown: impl FnMut(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        filled.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            filled.push('$');
            rest = after;
            continue;
        }
        let reference = rest.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        let Some((name, after)) = reference else {
            filled.push('$');
            continue;
        };
        match maps.iter().find_map(|map| map.get(name)) {
            Some(value) => filled.push_str(value),
            None => filled.push_str(&unknown(name)),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}
