//! The tree of an expression.

use std::sync::Arc;

use stanchion_machinery::structural::Pattern;

/// How deep a tree may be, so that walks over it fit on a stack.
pub(crate) const MAX_DEPTH: u16 = 100;
/// How many characters an expression may have.
pub(crate) const MAX_LENGTH: usize = 100_000;

/// A node with its place in the source.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) at: usize,
    pub(crate) depth: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

impl Binary {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "_+_",
            Self::Subtract => "_-_",
            Self::Multiply => "_*_",
            Self::Divide => "_/_",
            Self::Modulo => "_%_",
            Self::Equal => "_==_",
            Self::NotEqual => "_!=_",
            Self::Less => "_<_",
            Self::LessEqual => "_<=_",
            Self::Greater => "_>_",
            Self::GreaterEqual => "_>=_",
            Self::In => "@in",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
    TransformMap,
}

/// A macro that goes over the items of a list or map.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) fold: Fold,
    pub(crate) over: Expr,
    /// The item or key; the index or key if there is a second.
    pub(crate) first: String,
    /// The item or value, where two are named.
    pub(crate) second: Option<String>,
    /// What an item has to be for `map` and the like to take it.
    pub(crate) filter: Option<Expr>,
    pub(crate) body: Expr,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Name(String),
    Select {
        of: Box<Expr>,
        field: String,
        optional: bool,
        test: bool,
    },
    Index {
        of: Box<Expr>,
        index: Box<Expr>,
        optional: bool,
    },
    Call {
        target: Option<Box<Expr>>,
        name: String,
        args: Vec<Expr>,
        pattern: Option<Arc<Pattern>>,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Choose(Box<[Expr; 3]>),
    List(Vec<(Expr, bool)>),
    Map(Vec<(Expr, Expr, bool)>),
    Loop(Box<Loop>),
    /// `optMap` and, if flat, `optFlatMap`.
    Within {
        of: Box<Expr>,
        name: String,
        body: Box<Expr>,
        flat: bool,
    },
}

impl Kind {
    fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Double(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Name(_) => Vec::new(),
            Self::Select { of, .. } | Self::Not(of) | Self::Negate(of) => vec![of],
            Self::Index { of, index, .. } => vec![of, index],
            Self::Call { target, args, .. } => target.iter().map(|t| &**t).chain(args).collect(),
            Self::Binary(_, a, b) => vec![a, b],
            Self::And(all) | Self::Or(all) => all.iter().collect(),
            Self::Choose(all) => all.iter().collect(),
            Self::List(items) => items.iter().map(|(item, _)| item).collect(),
            Self::Map(entries) => entries.iter().flat_map(|(k, v, _)| [k, v]).collect(),
            Self::Loop(l) => [&l.over, &l.body].into_iter().chain(&l.filter).collect(),
            Self::Within { of, body, .. } => vec![of, body],
        }
    }
}

impl Expr {
    pub(crate) fn new(kind: Kind, at: usize) -> Self {
        let depth = kind.children().iter().map(|child| child.depth).max().unwrap_or(0).saturating_add(1);
        Self { kind, at, depth }
    }

    /// Returns whether a variable is used.
    pub(crate) fn uses(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Name(found) if found == name)
            || self.kind.children().iter().any(|child| child.uses(name))
    }
}
