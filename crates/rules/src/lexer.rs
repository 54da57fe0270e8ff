//! The words of an expression.

use crate::problem::Problem;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Name(String),
    Int(String),
    Uint(String),
    Double(String),
    Text(String),
    Bytes(Vec<u8>),
    Sign(&'static str),
    End,
}

const SIGNS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*",
    "/", "%", "<", ">", "=",
];

/// Splits an expression into tokens with their places.
pub(crate) fn tokens(source: &str) -> Result<Vec<(Token, usize)>, Problem> {
    let mut lexer = Lexer { source, at: 0 };
    let mut found = Vec::new();
    loop {
        lexer.space();
        let at = lexer.at;
        let token = lexer.token()?;
        let end = token == Token::End;
        found.push((token, at));
        if end {
            return Ok(found);
        }
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fail(&self, what: impl Into<String>) -> Problem {
        Problem { at: self.at, says: format!("Syntax error: {}", what.into()) }
    }

    fn space(&mut self) {
        loop {
            let rest = self.rest().trim_start();
            self.at = self.source.len() - rest.len();
            if !rest.starts_with("//") {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn token(&mut self) -> Result<Token, Problem> {
        let rest = self.rest();
        let Some(c) = self.peek() else { return Ok(Token::End) };
        if c.is_ascii_digit() || c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(self.number());
        }
        if c == '"' || c == '\'' {
            return self.quoted(false, false);
        }
        if c.is_ascii_alphabetic() || c == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let word = &rest[..length];
            let quote = rest[length..].starts_with(['"', '\'']);
            let lower = word.to_ascii_lowercase();
            if quote && matches!(lower.as_str(), "r" | "b" | "rb" | "br") {
                self.at += length;
                return self.quoted(lower.contains('r'), lower.contains('b'));
            }
            self.at += length;
            return Ok(Token::Name(word.to_owned()));
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            None => Err(self.fail(format!("token recognition error at: '{c}'"))),
        }
    }

    fn digits(&mut self) {
        let rest = self.rest();
        self.at += rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    }

    fn number(&mut self) -> Token {
        let start = self.at;
        let hex = self.rest().starts_with("0x") || self.rest().starts_with("0X");
        let mut double = false;
        if hex {
            self.at += 2;
            let rest = self.rest();
            self.at += rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        } else {
            self.digits();
            if self.rest().starts_with('.') && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) {
                double = true;
                self.at += 1;
                self.digits();
            }
            let rest = self.rest();
            let exponent = rest.strip_prefix(['e', 'E']).map(|r| r.strip_prefix(['+', '-']).unwrap_or(r));
            if let Some(after) = exponent.filter(|r| r.starts_with(|c: char| c.is_ascii_digit())) {
                double = true;
                self.at += rest.len() - after.len();
                self.digits();
            }
        }
        let text = self.source[start..self.at].to_owned();
        if !double && self.rest().starts_with(['u', 'U']) {
            self.at += 1;
            return Token::Uint(text);
        }
        if double { Token::Double(text) } else { Token::Int(text) }
    }

    fn quoted(&mut self, raw: bool, bytes: bool) -> Result<Token, Problem> {
        let rest = self.rest();
        let quote = &rest[..1];
        let triple = quote.repeat(3);
        let mark = if rest.starts_with(&triple) { triple.as_str() } else { quote };
        self.at += mark.len();
        let mut out = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(mark) {
                self.at += mark.len();
                break;
            }
            let Some(c) = rest.chars().next().filter(|c| mark.len() > 1 || !matches!(c, '\n' | '\r')) else {
                return Err(self.fail("token recognition error: unterminated string"));
            };
            self.at += c.len_utf8();
            if c == '\\' && !raw {
                self.escape(bytes, &mut out)?;
            } else {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        if bytes {
            return Ok(Token::Bytes(out));
        }
        String::from_utf8(out).map(Token::Text).map_err(|_| self.fail("invalid string literal"))
    }

    fn escape(&mut self, bytes: bool, out: &mut Vec<u8>) -> Result<(), Problem> {
        let Some(c) = self.peek() else { return Err(self.fail("unterminated string")) };
        let simple = match c {
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            '\\' | '\'' | '"' | '`' | '?' => Some(c),
            _ => None,
        };
        if let Some(simple) = simple {
            self.at += 1;
            out.extend_from_slice(simple.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        let (skip, length, radix) = match c {
            'x' | 'X' => (1, 2, 16),
            'u' => (1, 4, 16),
            'U' => (1, 8, 16),
            '0'..='3' => (0, 3, 8),
            _ => return Err(self.fail("invalid escape sequence")),
        };
        let code = self
            .rest()
            .get(skip..skip + length)
            .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|text| u32::from_str_radix(text, radix).ok());
        let Some(code) = code else { return Err(self.fail("invalid escape sequence")) };
        self.at += skip + length;
        if bytes && length < 4 {
            out.push(u8::try_from(code).map_err(|_| self.fail("invalid escape sequence"))?);
            return Ok(());
        }
        let Some(c) = char::from_u32(code) else { return Err(self.fail("invalid unicode code point")) };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}
