//! The grammar: precedence climbing, with macros expanded where they are called.

use std::sync::Arc;

use stanchion_machinery::structural::Pattern;

use crate::lexer::{Token, tokens};
use crate::problem::Problem;
use crate::syntax::{Binary, Expr, Fold, Kind, Loop, MAX_DEPTH, MAX_LENGTH};

/// Words that are no names.
const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Reads an expression. Its length and depth are bounded, so this ends soon and does not overflow a stack.
pub(crate) fn parse(source: &str) -> Result<Expr, Problem> {
    if source.chars().count() > MAX_LENGTH {
        let says =
            format!("expression code point size exceeds limit: size: {}, limit {MAX_LENGTH}", source.len());
        return Err(Problem { at: 0, says });
    }
    let mut parser = Parser { tokens: tokens(source)?, next: 0, depth: 0 };
    let expr = parser.expr()?;
    match parser.peek() {
        Token::End => Ok(expr),
        other => Err(parser.unexpected(&other.clone())),
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: u16,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |(_, at)| *at)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn is(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(s) if *s == sign);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Problem> {
        if self.is(sign) { Ok(()) } else { Err(self.unexpected(&self.peek().clone())) }
    }

    fn unexpected(&self, token: &Token) -> Problem {
        let shown = match token {
            Token::Name(text) | Token::Int(text) | Token::Uint(text) | Token::Double(text) => text.clone(),
            Token::Text(text) => format!("{text:?}"),
            Token::Bytes(_) => "bytes".to_owned(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "<EOF>".to_owned(),
        };
        Problem { at: self.at(), says: format!("Syntax error: unexpected input '{shown}'") }
    }

    fn made(kind: Kind, at: usize) -> Result<Expr, Problem> {
        let expr = Expr::new(kind, at);
        if expr.depth > MAX_DEPTH { Err(too_deep(at)) } else { Ok(expr) }
    }

    fn expr(&mut self) -> Result<Expr, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(self.at()));
        }
        let at = self.at();
        let condition = self.or()?;
        let expr = if self.is("?") {
            let yes = self.or()?;
            self.expect(":")?;
            let no = self.expr()?;
            Self::made(Kind::Choose(Box::new([condition, yes, no])), at)?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn or(&mut self) -> Result<Expr, Problem> {
        let at = self.at();
        let mut all = vec![self.and()?];
        while self.is("||") {
            all.push(self.and()?);
        }
        Self::one_or(all, Kind::Or, at)
    }

    fn and(&mut self) -> Result<Expr, Problem> {
        let at = self.at();
        let mut all = vec![self.relation()?];
        while self.is("&&") {
            all.push(self.relation()?);
        }
        Self::one_or(all, Kind::And, at)
    }

    fn one_or(mut all: Vec<Expr>, make: fn(Vec<Expr>) -> Kind, at: usize) -> Result<Expr, Problem> {
        match all.pop() {
            Some(only) if all.is_empty() => Ok(only),
            Some(last) => {
                all.push(last);
                Self::made(make(all), at)
            }
            None => Err(too_deep(at)),
        }
    }

    fn binary(
        &mut self,
        signs: &[(&str, Binary)],
        below: fn(&mut Self) -> Result<Expr, Problem>,
    ) -> Result<Expr, Problem> {
        let mut left = below(self)?;
        loop {
            let at = self.at();
            let found = signs.iter().find(|(sign, _)| match self.peek() {
                Token::Sign(s) => s == sign,
                Token::Name(name) => name == sign,
                Token::Int(_)
                | Token::Uint(_)
                | Token::Double(_)
                | Token::Text(_)
                | Token::Bytes(_)
                | Token::End => false,
            });
            let Some((_, operator)) = found else { return Ok(left) };
            self.next += 1;
            let right = below(self)?;
            left = Self::made(Kind::Binary(*operator, Box::new(left), Box::new(right)), at)?;
        }
    }

    fn relation(&mut self) -> Result<Expr, Problem> {
        let signs = [
            ("==", Binary::Equal),
            ("!=", Binary::NotEqual),
            ("<=", Binary::LessEqual),
            ("<", Binary::Less),
            (">=", Binary::GreaterEqual),
            (">", Binary::Greater),
            ("in", Binary::In),
        ];
        self.binary(&signs, Self::sum)
    }

    fn sum(&mut self) -> Result<Expr, Problem> {
        self.binary(&[("+", Binary::Add), ("-", Binary::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<Expr, Problem> {
        let signs = [("*", Binary::Multiply), ("/", Binary::Divide), ("%", Binary::Modulo)];
        self.binary(&signs, Self::unary)
    }

    fn unary(&mut self) -> Result<Expr, Problem> {
        let at = self.at();
        for (sign, make) in [("!", Kind::Not as fn(Box<Expr>) -> Kind), ("-", Kind::Negate)] {
            let mut count = 0_usize;
            while self.is(sign) {
                count += 1;
            }
            if count > 0 {
                if sign == "-"
                    && let Token::Int(digits) = self.peek().clone()
                    && let Some(value) = integer(&format!("-{digits}"))
                {
                    self.next += 1;
                    count -= 1;
                    let inner = Self::made(Kind::Int(value), at)?;
                    let inner = self.member(inner)?;
                    return if count % 2 == 1 {
                        Self::made(Kind::Negate(Box::new(inner)), at)
                    } else {
                        Ok(inner)
                    };
                }
                let inner = self.postfix()?;
                return if count % 2 == 1 { Self::made(make(Box::new(inner)), at) } else { Ok(inner) };
            }
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Result<Expr, Problem> {
        let primary = self.primary()?;
        self.member(primary)
    }

    fn member(&mut self, mut of: Expr) -> Result<Expr, Problem> {
        loop {
            let at = self.at();
            if self.is(".") {
                let optional = self.is("?");
                let Token::Name(field) = self.take() else {
                    self.next -= 1;
                    return Err(self.unexpected(&self.peek().clone()));
                };
                of = if !optional && self.is("(") {
                    let args = self.arguments(")")?;
                    Self::call(Some(of), field, args, at)?
                } else {
                    Self::made(Kind::Select { of: Box::new(of), field, optional, test: false }, at)?
                };
            } else if self.is("[") {
                let optional = self.is("?");
                let index = Box::new(self.expr()?);
                self.expect("]")?;
                of = Self::made(Kind::Index { of: Box::new(of), index, optional }, at)?;
            } else {
                return Ok(of);
            }
        }
    }

    fn arguments(&mut self, end: &str) -> Result<Vec<Expr>, Problem> {
        let mut args = Vec::new();
        while !self.is(end) {
            args.push(self.expr()?);
            if !self.is(",") {
                self.expect(end)?;
                break;
            }
        }
        Ok(args)
    }

    fn primary(&mut self) -> Result<Expr, Problem> {
        let at = self.at();
        let bad = |says: &str| Problem { at, says: format!("Syntax error: {says}") };
        let kind = match self.take() {
            Token::Int(text) => Kind::Int(integer(&text).ok_or_else(|| bad("invalid int literal"))?),
            Token::Uint(text) => {
                let value = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                    Some(hex) => u64::from_str_radix(hex, 16).ok(),
                    None => text.parse().ok(),
                };
                Kind::Uint(value.ok_or_else(|| bad("invalid uint literal"))?)
            }
            Token::Double(text) => Kind::Double(text.parse().map_err(|_| bad("invalid double literal"))?),
            Token::Text(text) => Kind::Text(text),
            Token::Bytes(bytes) => Kind::Bytes(bytes),
            Token::Name(name) => return self.name(name, at),
            Token::Sign("(") => {
                let inner = self.expr()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Sign("[") => self.list()?,
            Token::Sign("{") => self.map()?,
            Token::Sign(".") => match self.take() {
                Token::Name(name) => return self.name(name, at),
                other => return Err(self.unexpected(&other)),
            },
            other => {
                self.next -= 1;
                return Err(self.unexpected(&other));
            }
        };
        Self::made(kind, at)
    }

    fn list(&mut self) -> Result<Kind, Problem> {
        let mut items = Vec::new();
        while !self.is("]") {
            let optional = self.is("?");
            items.push((self.expr()?, optional));
            if !self.is(",") {
                self.expect("]")?;
                break;
            }
        }
        Ok(Kind::List(items))
    }

    fn map(&mut self) -> Result<Kind, Problem> {
        let mut entries = Vec::new();
        while !self.is("}") {
            let optional = self.is("?");
            let key = self.expr()?;
            self.expect(":")?;
            entries.push((key, self.expr()?, optional));
            if !self.is(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Kind::Map(entries))
    }

    fn name(&mut self, name: String, at: usize) -> Result<Expr, Problem> {
        let kind = match name.as_str() {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::Null,
            word if RESERVED.contains(&word) => {
                return Err(Problem { at, says: format!("reserved identifier: {word}") });
            }
            _ if self.is("(") => {
                let args = self.arguments(")")?;
                return Self::call(None, name, args, at);
            }
            _ => Kind::Name(name),
        };
        Self::made(kind, at)
    }

    fn call(target: Option<Expr>, name: String, mut args: Vec<Expr>, at: usize) -> Result<Expr, Problem> {
        let kind = match target {
            None if name == "has" && args.len() == 1 => match args.pop().map(|arg| arg.kind) {
                Some(Kind::Select { of, field, optional: false, test: false }) => {
                    Kind::Select { of, field, optional: false, test: true }
                }
                _ => return Err(Problem { at, says: "invalid argument to has() macro".to_owned() }),
            },
            Some(of) if matches!(name.as_str(), "optMap" | "optFlatMap") && args.len() == 2 => {
                let body = Box::new(args.remove(1));
                let variable = variable(&args[0], &name)?;
                Kind::Within { of: Box::new(of), name: variable, body, flat: name == "optFlatMap" }
            }
            Some(over) => match fold(&name, args.len()) {
                Some((fold, two)) => Kind::Loop(Box::new(looped(fold, two, over, args, &name)?)),
                None => called(Some(over), name, args)?,
            },
            None => called(None, name, args)?,
        };
        Self::made(kind, at)
    }
}

fn called(target: Option<Expr>, name: String, args: Vec<Expr>) -> Result<Kind, Problem> {
    // A namespace such as `sets` is part of the name of the function.
    let (target, name) = match target {
        Some(Expr { kind: Kind::Name(space), .. })
            if matches!(space.as_str(), "sets" | "strings" | "optional" | "format" | "ip") =>
        {
            (None, format!("{space}.{name}"))
        }
        other => (other, name),
    };
    let mut pattern = None;
    let regex = if matches!(name.as_str(), "matches" | "find" | "findAll") {
        args.get(usize::from(target.is_none()))
    } else {
        None
    };
    if let Some(Expr { kind: Kind::Text(text), at, .. }) = regex {
        let says = |why| Problem { at: *at, says: format!("invalid matches argument: {why}") };
        pattern = Some(Arc::new(Pattern::new(text).map_err(says)?));
    }
    Ok(Kind::Call { target: target.map(Box::new), name, args, pattern })
}

/// Returns the macro of a name, and whether it names two variables.
fn fold(name: &str, args: usize) -> Option<(Fold, bool)> {
    Some(match (name, args) {
        ("all", 2 | 3) => (Fold::All, args == 3),
        ("exists", 2 | 3) => (Fold::Exists, args == 3),
        ("exists_one", 2) => (Fold::ExistsOne, false),
        ("existsOne", 2 | 3) => (Fold::ExistsOne, args == 3),
        ("map", 2 | 3) => (Fold::Map, false),
        ("filter", 2) => (Fold::Filter, false),
        ("transformList", 3 | 4) => (Fold::Map, true),
        ("transformMap", 3 | 4) => (Fold::TransformMap, true),
        _ => return None,
    })
}

fn looped(fold: Fold, two: bool, over: Expr, args: Vec<Expr>, name: &str) -> Result<Loop, Problem> {
    let mut args = args.into_iter();
    let mut next = || args.next().ok_or_else(|| too_deep(over.at));
    let first = variable(&next()?, name)?;
    let second = if two { Some(variable(&next()?, name)?) } else { None };
    let body = next()?;
    let (filter, body) = match args.next() {
        Some(last) => (Some(body), last),
        None => (None, body),
    };
    Ok(Loop { fold, over, first, second, filter, body })
}

fn variable(expr: &Expr, name: &str) -> Result<String, Problem> {
    match &expr.kind {
        Kind::Name(name) => Ok(name.clone()),
        _ => Err(Problem { at: expr.at, says: format!("argument must be a simple name in {name}() macro") }),
    }
}

fn too_deep(at: usize) -> Problem {
    Problem { at, says: format!("expression recursion limit exceeded: {MAX_DEPTH}") }
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(&format!("{sign}{hex}"), 16).ok(),
        None => text.parse().ok(),
    }
}
