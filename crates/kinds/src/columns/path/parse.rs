//! Reading of paths.

use serde_json::Value;

use super::{Comparison, End, Filter, Items, Step, Test};

/// Returns the steps of a path.
pub(super) fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = if let Some(filter) = rest.strip_prefix("[?(") {
            self::filter(filter, &mut steps)?
        } else if let Some(below) = rest.strip_prefix("..") {
            self::below(below, &mut steps)?
        } else {
            let after = rest.get(first.len_utf8()..)?;
            match first {
                // The object itself, which is where the path starts anyway.
                ' ' | '@' | '$' => after,
                '[' => brackets(after, &mut steps)?,
                '"' | '\'' => quote(after, first, &mut steps)?,
                '.' => field(after, &mut steps),
                '+' | '-' => number(rest, &mut steps)?,
                digit if digit.is_numeric() => number(rest, &mut steps)?,
                letter if letter == '_' || letter.is_alphabetic() => word(rest, &mut steps),
                _ => return None,
            }
        };
    }
    Some(steps)
}

fn is_end_of_name(character: char) -> bool {
    " \t\r\n.,[]$@{}".contains(character)
}

/// Reads a name up to where a name ends; a backslash keeps the character after it in.
fn field<'t>(text: &'t str, steps: &mut Vec<Step>) -> &'t str {
    let mut name = String::new();
    let mut escaped = false;
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        if !escaped && is_end_of_name(character) {
            end = at;
            break;
        }
        escaped = !escaped && character == '\\';
        if character != '\\' {
            name.push(character);
        }
    }
    steps.push(if name == "*" { Step::Every } else { Step::Field(name) });
    text.get(end..).unwrap_or("")
}

fn below<'t>(text: &'t str, steps: &mut Vec<Step>) -> Option<&'t str> {
    if steps.last() == Some(&Step::Below) {
        return None;
    }
    steps.push(Step::Below);
    let named = text.chars().next().is_some_and(|first| first == '_' || first.is_alphanumeric());
    Some(if named { field(text, steps) } else { text })
}

fn word<'t>(text: &'t str, steps: &mut Vec<Step>) -> &'t str {
    let (word, rest) = text.split_at(text.find(is_end_of_name).unwrap_or(text.len()));
    steps.push(match word {
        "true" => Step::Literal(true.into()),
        "false" => Step::Literal(false.into()),
        _ => Step::Nowhere,
    });
    rest
}

fn number<'t>(text: &'t str, steps: &mut Vec<Step>) -> Option<&'t str> {
    let signed = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = signed.trim_start_matches(|c: char| c == '.' || c.is_numeric());
    let (number, rest) = text.split_at(text.len() - digits.len());
    let value = match number.parse::<i64>() {
        Ok(whole) => Value::from(whole),
        Err(_) => number.parse::<f64>().ok().filter(|float| float.is_finite())?.into(),
    };
    steps.push(Step::Literal(value));
    Some(rest)
}

/// Reads a text up to its closing quote.
fn quote<'t>(text: &'t str, mark: char, steps: &mut Vec<Step>) -> Option<&'t str> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\n' => return None,
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                plain @ ('\\' | '"' | '\'') => plain,
                _ => return None,
            }),
            end if end == mark => {
                steps.push(Step::Literal(value.into()));
                return text.get(at + end.len_utf8()..);
            }
            other => value.push(other),
        }
    }
    None
}

/// Reads what stands in brackets: keys, indices, or several of them.
fn brackets<'t>(text: &'t str, steps: &mut Vec<Step>) -> Option<&'t str> {
    let (inside, rest) = text.split_once(']')?;
    if inside.contains('\n') {
        return None;
    }
    if inside.contains(',') {
        let paths: Option<Vec<_>> = inside.split(',').map(|part| selection(part.trim_matches(' '))).collect();
        steps.push(Step::Union(paths?));
    } else {
        steps.extend(selection(inside)?);
    }
    Some(rest)
}

fn selection(text: &str) -> Option<Vec<Step>> {
    let key =
        text.strip_prefix('\'').and_then(|key| key.strip_suffix('\'')).filter(|key| !key.contains('\''));
    match key {
        Some(key) => steps(&format!(".{key}")),
        None => items(if text == "*" { ":" } else { text }).map(|items| vec![Step::Items(items)]),
    }
}

fn items(text: &str) -> Option<Items> {
    let mut parts = text.split(':');
    let part = |part: Option<&str>| match part {
        None | Some("") => Some(None),
        // The sign of a number, where there is one, is a minus.
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => digits.parse::<i64>().ok().map(Some),
    };
    let start = part(parts.next())?;
    let end = match parts.next() {
        None => End::One,
        Some("") => End::Open,
        end => part(end)?.map_or(End::Open, End::At),
    };
    let step = part(parts.next())?;
    parts.next().is_none().then_some(Items { start, end, step })
}

/// Reads a filter up to the parenthesis that closes it, which may not stand in quotes.
fn filter<'t>(text: &'t str, steps: &mut Vec<Step>) -> Option<&'t str> {
    let mut open: Option<char> = None;
    let mut closed = false;
    let mut before = ' ';
    let end = text.char_indices().find(|&(_, character)| {
        let quoted = open.is_some() && !closed;
        match character {
            '"' | '\'' if open.is_none() => open = Some(character),
            '"' | '\'' if open == Some(character) && before != '\\' => closed = true,
            ')' if !quoted => return true,
            _ => {}
        }
        before = character;
        false
    });
    let (inside, rest) = text.split_at_checked(end?.0)?;
    steps.push(Step::Filter(condition(inside)?));
    rest.strip_prefix(")]")
}

fn condition(text: &str) -> Option<Filter> {
    let is_mark = |c: char| "!<>=".contains(c);
    let compared = text.find(is_mark).filter(|&at| at > 0).and_then(|at| {
        let (left, rest) = text.split_at(at);
        let right = rest.trim_start_matches(|c: char| c == '~' || is_mark(c));
        let operator = rest.strip_suffix(right)?;
        (!right.is_empty()).then_some((left, operator, right))
    });
    let Some((left, operator, right)) = compared else {
        return Some(Filter { left: steps(text)?, test: Test::Exists });
    };
    let (left, right) = (steps(left)?, steps(right)?);
    let comparison = match operator {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return Some(Filter { left, test: Test::Unknown }),
    };
    Some(Filter { left, test: Test::Compares(comparison, right) })
}
