//! The grammar of a `labelSelector`: `a,!b,c=d,e!=f,g in (h,i),j notin (k),l>1,m<2`.

use std::collections::BTreeSet;

use super::SelectorError;
use super::labels::{Operator, Requirement, key_error};
use crate::field::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A word; `in` and `notin` are words that are operators where one is due.
    Word(&'a str),
    Symbol(&'a str),
    End,
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Symbol(text) => text,
            Self::End => "",
        }
    }

    fn ends_requirement(self) -> bool {
        matches!(self, Self::End | Self::Symbol(","))
    }
}

pub(super) struct Parser<'a> {
    rest: &'a str,
    next: Token<'a>,
}

fn is_symbol(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut parser = Self { rest: text, next: Token::End };
        parser.take();
        parser
    }

    /// Returns the next token and moves on; the end stays the end.
    fn take(&mut self) -> Token<'a> {
        let text = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let size = match text.as_bytes() {
            [] => 0,
            [b'=' | b'!', b'=', ..] => 2,
            [first, ..] if is_symbol(*first) => 1,
            bytes => bytes.iter().position(|b| is_symbol(*b) || is_space(*b)).unwrap_or(bytes.len()),
        };
        let (token, rest) = text.split_at(size);
        self.rest = rest;
        let token = match token.bytes().next() {
            None => Token::End,
            Some(first) if is_symbol(first) => Token::Symbol(token),
            Some(_) => Token::Word(token),
        };
        std::mem::replace(&mut self.next, token)
    }

    pub(super) fn selector(mut self) -> Result<Vec<Requirement>, SelectorError> {
        let mut requirements = Vec::new();
        loop {
            match self.next {
                Token::Word(_) | Token::Symbol("!") => {
                    let requirement = self.requirement();
                    requirements.push(
                        requirement
                            .map_err(|e| SelectorError(format!("unable to parse requirement: {e}")))?,
                    );
                }
                Token::End => return Ok(requirements),
                Token::Symbol(other) => {
                    return fail(other, ", expected: !, identifier, or 'end of string'");
                }
            }
            match (self.take(), self.next) {
                (Token::End, _) => return Ok(requirements),
                (Token::Symbol(","), Token::Word(_) | Token::Symbol("!")) => {}
                (Token::Symbol(","), other) => return fail(other.text(), ", expected: identifier after ','"),
                (other, _) => return fail(other.text(), ", expected: ',' or 'end of string'"),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let negated = self.next == Token::Symbol("!");
        if negated {
            self.take();
        }
        let key = match self.take() {
            Token::Word(key) => key,
            other => return fail(other.text(), ", expected: identifier"),
        };
        if let Some(error) = key_error(key, &Path::root()) {
            return Err(SelectorError(error.to_string()));
        }
        if negated {
            return Requirement::new(key, Operator::DoesNotExist, Vec::new());
        }
        if self.next.ends_requirement() {
            return Requirement::new(key, Operator::Exists, Vec::new());
        }
        let operator = match self.take().text() {
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            "=" => Operator::Equals,
            "==" => Operator::DoubleEquals,
            "!=" => Operator::NotEquals,
            ">" => Operator::GreaterThan,
            "<" => Operator::LessThan,
            other => return fail(other, ", expected: in, notin, =, ==, !=, gt, lt"),
        };
        let values = match operator {
            Operator::In | Operator::NotIn => self.set()?,
            Operator::Equals
            | Operator::DoubleEquals
            | Operator::NotEquals
            | Operator::Exists
            | Operator::DoesNotExist
            | Operator::GreaterThan
            | Operator::LessThan => vec![self.value()?],
        };
        Requirement::new(key, operator, values)
    }

    fn value(&mut self) -> Result<String, SelectorError> {
        if self.next.ends_requirement() {
            return Ok(String::new());
        }
        match self.take() {
            Token::Word(value) => Ok(value.to_owned()),
            other => fail(other.text(), ", expected: identifier"),
        }
    }

    /// Reads `(a,b)`; a missing item is the empty string.
    fn set(&mut self) -> Result<Vec<String>, SelectorError> {
        match self.take() {
            Token::Symbol("(") => {}
            other => return fail(other.text(), " expected: '('"),
        }
        let mut values = BTreeSet::new();
        match self.next {
            Token::Word(_) | Token::Symbol(",") => self.items(&mut values)?,
            Token::Symbol(")") => {
                values.insert(String::new());
            }
            other => return fail(other.text(), ", expected: ',', ')' or identifier"),
        }
        self.take();
        Ok(values.into_iter().collect())
    }

    fn items(&mut self, values: &mut BTreeSet<String>) -> Result<(), SelectorError> {
        loop {
            match (self.take(), self.next) {
                (Token::Word(value), following) => {
                    values.insert(value.to_owned());
                    match following {
                        Token::Symbol(",") => {}
                        Token::Symbol(")") => return Ok(()),
                        other => return fail(other.text(), ", expected: ',' or ')'"),
                    }
                }
                (Token::Symbol(","), following) => {
                    if values.is_empty() || matches!(following, Token::Symbol("," | ")")) {
                        values.insert(String::new());
                    }
                    if following == Token::Symbol(")") {
                        return Ok(());
                    }
                }
                (other, _) => return fail(other.text(), ", expected: ',', or identifier"),
            }
        }
    }
}

fn fail<T>(found: &str, expected: &str) -> Result<T, SelectorError> {
    Err(SelectorError(format!("found '{found}'{expected}")))
}
