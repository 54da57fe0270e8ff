//! Words to a rule, by descent.

use std::error::Error;
use std::fmt;

use super::lexer::{Placed, Token, split};
use super::{Operation, Quantity, Truth, Variable};

/// A rule is no longer, in bytes: what it is made of is as deep as it is long.
const LONGEST: usize = 1_000;
/// Parentheses and signs are no deeper.
const DEEPEST: usize = 50;

/// A rule that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// At which character, counted from 1.
    at: usize,
    /// What is wrong there.
    what: String,
}

impl RuleError {
    pub(super) fn at(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }

    /// Returns at which character the rule is wrong, counted from 1.
    pub fn position(&self) -> usize {
        self.at
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at, self.what)
    }
}

impl Error for RuleError {}

/// Reads a rule.
pub(super) fn parse(text: &str) -> Result<Truth, RuleError> {
    if text.len() > LONGEST {
        return Err(RuleError::at(LONGEST + 1, format!("a rule is no longer than {LONGEST} bytes")));
    }
    let end = text.chars().count() + 1;
    let mut parser = Parser { tokens: &split(text)?, next: 0, end, depth: 0 };
    let at = parser.at();
    let whole = parser.any()?;
    if parser.peek().is_some() {
        return Err(RuleError::at(parser.at(), "the rule ends before this"));
    }
    truth(whole, at)
}

/// A part of a rule.
enum Part {
    Truth(Truth),
    Quantity(Quantity),
}

struct Parser<'a> {
    tokens: &'a [Placed<'a>],
    next: usize,
    end: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    /// Returns where the next word is.
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn takes(&mut self, token: &Token<'_>) -> bool {
        let takes = self.peek() == Some(token);
        self.next += usize::from(takes);
        takes
    }

    fn any(&mut self) -> Result<Part, RuleError> {
        let at = self.at();
        let mut one = self.all()?;
        while self.takes(&Token::Or) {
            let (left, there) = (truth(one, at)?, self.at());
            let right = truth(self.all()?, there)?;
            one = Part::Truth(Truth::Either(Box::new(left), Box::new(right)));
        }
        Ok(one)
    }

    fn all(&mut self) -> Result<Part, RuleError> {
        let at = self.at();
        let mut one = self.one()?;
        while self.takes(&Token::And) {
            let (left, there) = (truth(one, at)?, self.at());
            let right = truth(self.one()?, there)?;
            one = Part::Truth(Truth::Both(Box::new(left), Box::new(right)));
        }
        Ok(one)
    }

    fn one(&mut self) -> Result<Part, RuleError> {
        let at = self.at();
        let one = self.sum()?;
        let Some(Token::Compare(comparison)) = self.peek() else { return Ok(one) };
        self.next += 1;
        let there = self.at();
        let (left, right) = (quantity(one, at)?, quantity(self.sum()?, there)?);
        Ok(Part::Truth(Truth::Compare(*comparison, left, right)))
    }

    fn sum(&mut self) -> Result<Part, RuleError> {
        self.calculated([Operation::Plus, Operation::Minus], Self::term)
    }

    fn term(&mut self) -> Result<Part, RuleError> {
        self.calculated([Operation::Times, Operation::Divided], Self::factor)
    }

    fn calculated(
        &mut self,
        operations: [Operation; 2],
        inner: fn(&mut Self) -> Result<Part, RuleError>,
    ) -> Result<Part, RuleError> {
        let at = self.at();
        let mut one = inner(self)?;
        while let Some(Token::Calculate(operation)) = self.peek()
            && operations.contains(operation)
        {
            self.next += 1;
            let (left, there) = (quantity(one, at)?, self.at());
            let right = quantity(inner(self)?, there)?;
            one = Part::Quantity(Quantity::Calculated(*operation, Box::new(left), Box::new(right)));
        }
        Ok(one)
    }

    fn factor(&mut self) -> Result<Part, RuleError> {
        let at = self.at();
        if self.depth == DEEPEST {
            return Err(RuleError::at(at, "this is nested too deep"));
        }
        self.depth += 1;
        let part = self.factor_at(at);
        self.depth -= 1;
        part
    }

    fn factor_at(&mut self, at: usize) -> Result<Part, RuleError> {
        let Some(token) = self.peek() else { return Err(RuleError::at(at, "something is missing here")) };
        self.next += 1;
        match token {
            Token::Number(value) => Ok(Part::Quantity(Quantity::Number(*value))),
            Token::Name(name) => match Variable::named(name) {
                Some(variable) => Ok(Part::Quantity(Quantity::Of(variable))),
                None => Err(RuleError::at(at, unknown(name))),
            },
            Token::Not => {
                let there = self.at();
                Ok(Part::Truth(Truth::Not(Box::new(truth(self.factor()?, there)?))))
            }
            Token::Calculate(Operation::Minus) => {
                let there = self.at();
                Ok(Part::Quantity(Quantity::Negative(Box::new(quantity(self.factor()?, there)?))))
            }
            Token::Open => {
                let part = self.any()?;
                if self.takes(&Token::Close) {
                    Ok(part)
                } else {
                    Err(RuleError::at(self.at(), "a closing parenthesis is missing here"))
                }
            }
            Token::Compare(_) | Token::Calculate(_) | Token::And | Token::Or | Token::Close => {
                Err(RuleError::at(at, "a number or a name is missing before this"))
            }
        }
    }
}

fn truth(part: Part, at: usize) -> Result<Truth, RuleError> {
    match part {
        Part::Truth(truth) => Ok(truth),
        Part::Quantity(_) => {
            Err(RuleError::at(at, "this is a number, where a comparison is wanted, as freeShare > 0.5"))
        }
    }
}

fn quantity(part: Part, at: usize) -> Result<Quantity, RuleError> {
    match part {
        Part::Quantity(quantity) => Ok(quantity),
        Part::Truth(_) => Err(RuleError::at(at, "this is true or false, where a number is wanted")),
    }
}

fn unknown(name: &str) -> String {
    let known: Vec<_> = Variable::NAMES.iter().map(|(name, _)| *name).collect();
    format!("there is no {name:?}; there are {}", known.join(", "))
}
