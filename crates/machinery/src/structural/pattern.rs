//! Regular expressions as Go writes them, compiled once.
//!
//! Both languages stem from RE2, but a few things that Go accepts mean something else here or nothing: classes such
//! as `\d` are ASCII, braces that are no repetition are literal, and there is no arithmetic of classes.

use regex::{Regex, RegexBuilder};

/// What a compiled expression may take in memory, so that a hostile one is refused.
const SIZE_LIMIT: usize = 1 << 20;
/// The highest count in a repetition, as in Go.
const MAX_REPEAT: u32 = 1000;
/// Bytes an expression may have.
const MAX_LENGTH: usize = 64 * 1024;

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    weight: usize,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Pattern {
    /// Compiles an expression of Go's syntax, or says what is wrong with it.
    pub fn new(source: &str) -> Result<Self, String> {
        if source.len() > MAX_LENGTH {
            return Err("error parsing regexp: expression too large".to_owned());
        }
        let regex = RegexBuilder::new(&translate(source)?)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .nest_limit(128)
            .build()
            .map_err(|error| format!("error parsing regexp: {}", last_line(&error.to_string())))?;
        Ok(Self { source: source.to_owned(), weight: weight(source), regex })
    }

    /// Returns the expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Returns how large the expression is with its repetitions written out; matching may take so many steps for
    /// every character.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Returns the compiled expression.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    /// Returns whether a part of the text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Counts what an expression stands for: atoms, times how often they may be repeated.
fn weight(source: &str) -> usize {
    let mut outer = Vec::new();
    let (mut total, mut last) = (0_usize, 0_usize);
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        rest = tail;
        match c {
            '(' => {
                outer.push(total);
                (total, last) = (0, 0);
            }
            ')' => {
                last = total.max(1);
                total = last.saturating_add(outer.pop().unwrap_or(0));
            }
            '{' => {
                if let Ok(Some(length)) = repetition(tail) {
                    let counts = tail[..length - 1].split(',').filter_map(|n| n.parse::<usize>().ok());
                    let times = counts.max().unwrap_or(1).max(1);
                    total = total.saturating_add(last.saturating_mul(times - 1));
                    last = last.saturating_mul(times);
                    rest = &tail[length..];
                }
            }
            '\\' => {
                rest = tail.chars().next().map_or("", |c| &tail[c.len_utf8()..]);
                last = 1;
                total = total.saturating_add(1);
            }
            _ => {
                last = 1;
                total = total.saturating_add(1);
            }
        }
    }
    total.max(1)
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}

fn translate(source: &str) -> Result<String, String> {
    let mut out = String::with_capacity(source.len() + 16);
    let mut rest = source;
    let mut in_class = false;
    let mut class_start = false;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        let was_start = std::mem::take(&mut class_start);
        rest = tail;
        match c {
            '\\' => rest = escape(tail, in_class, &mut out),
            '[' if in_class => match posix(tail) {
                Some(length) => {
                    out.push('[');
                    out.push_str(&tail[..length]);
                    rest = &tail[length..];
                }
                None => out.push_str(r"\["),
            },
            '[' => {
                in_class = true;
                class_start = true;
                out.push('[');
                if let Some(after) = tail.strip_prefix('^') {
                    out.push('^');
                    rest = after;
                }
            }
            ']' if in_class && was_start => out.push_str(r"\]"),
            ']' => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            '-' if in_class && tail.starts_with('-') => out.push_str(r"\-"),
            '{' if !in_class => match repetition(tail)? {
                Some(length) => {
                    out.push('{');
                    out.push_str(&tail[..length]);
                    rest = &tail[length..];
                }
                None => out.push_str(r"\{"),
            },
            '}' if !in_class => out.push_str(r"\}"),
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Writes what stands after a backslash and returns what comes then.
fn escape<'a>(tail: &'a str, in_class: bool, out: &mut String) -> &'a str {
    let Some(c) = tail.chars().next() else {
        out.push('\\');
        return tail;
    };
    let rest = &tail[c.len_utf8()..];
    let set = match c {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => r"\t\n\f\r ",
        'D' => "^0-9",
        'W' => "^0-9A-Za-z_",
        'S' => r"^\t\n\f\r ",
        'b' | 'B' if !in_class => {
            out.push_str(if c == 'b' { r"(?-u:\b)" } else { r"\B" });
            return rest;
        }
        'Q' if !in_class => {
            let (literal, after) = rest.split_once(r"\E").unwrap_or((rest, ""));
            out.push_str(&regex::escape(literal));
            return after;
        }
        '<' | '>' | '_' => {
            out.push(c);
            return rest;
        }
        other => {
            out.push('\\');
            out.push(other);
            return rest;
        }
    };
    if in_class && !set.starts_with('^') {
        out.push_str(set);
    } else {
        out.push('[');
        out.push_str(set);
        out.push(']');
    }
    rest
}

fn posix(tail: &str) -> Option<usize> {
    let end = tail.strip_prefix(':')?.find(":]")?;
    let name = tail[1..=end].trim_start_matches('^');
    (!name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic())).then_some(end + 3)
}

fn repetition(tail: &str) -> Result<Option<usize>, String> {
    let Some(end) = tail.find('}') else { return Ok(None) };
    let (low, high) = tail[..end].split_once(',').unwrap_or((&tail[..end], ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if low.is_empty() || !digits(low) || !digits(high) {
        return Ok(None);
    }
    let too_many = |text: &str| !text.is_empty() && text.parse::<u32>().map_or(true, |n| n > MAX_REPEAT);
    if too_many(low) || too_many(high) {
        return Err(format!("error parsing regexp: invalid repeat count: `{{{}}}`", &tail[..end]));
    }
    Ok(Some(end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_weigh_what_they_stand_for() {
        for (pattern, wanted) in
            [("abc", 3), ("a{10}", 10), ("(ab){2,5}", 10), ("(a{10}b){3}", 33), (r"\d{4}", 4), ("", 1)]
        {
            assert_eq!(Pattern::new(pattern).expect(pattern).weight(), wanted, "{pattern}");
        }
    }

    #[test]
    fn expressions_mean_what_they_mean_in_go() {
        for (pattern, text, matches) in [
            (r"^\d+$", "12", true),
            (r"^\d+$", "\u{0661}", false),
            (r"^[\w.-]+$", "a_b.c-9", true),
            (r"^[^\s]+$", "a b", false),
            (r"^[\D]$", "a", true),
            ("^{a}$", "{a}", true),
            ("^a{2}$", "aa", true),
            ("^a{,2}$", "a{,2}", true),
            ("^[a&&b]+$", "a&b", true),
            ("^[[]$", "[", true),
            ("^[]a]+$", "]a", true),
            ("^[[:alpha:]]+$", "ab", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"\bfoo\b", "a foo b", true),
            (r"^\<x\>$", "<x>", true),
            (r"^a\/b$", "a/b", true),
        ] {
            let compiled = Pattern::new(pattern).expect(pattern);
            assert_eq!(compiled.is_match(text), matches, "{pattern} on {text:?}");
        }
        for pattern in ["(", "a{1001}", "((a{999}){999}){999}", "[", r"\", "(?=a)", "*"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
        assert!(Pattern::new(&"(".repeat(70_000)).is_err());
        assert!(Pattern::new(&"(".repeat(30_000)).is_err());
    }
}
