//! Sets of fields: a tree of steps, each of which may be a member and may lead to further ones.
//!
//! Nodes are sorted, and each is a member or leads to one; so two equal sets look the same.

use std::cmp::Ordering;

use super::element::{FieldPath, PathElement};

/// A set of fields of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    nodes: Vec<FieldNode>,
}

/// One step in a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldNode {
    pub(super) element: PathElement,
    pub(super) member: bool,
    pub(super) children: FieldSet,
}

impl FieldNode {
    fn keeps_something(&self) -> bool {
        self.member || !self.children.is_empty()
    }
}

impl FieldSet {
    /// The set of no fields.
    pub const EMPTY: Self = Self { nodes: Vec::new() };

    /// Makes a set of paths. The empty path is nobody's and left out.
    pub fn from_paths(paths: impl IntoIterator<Item = FieldPath>) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(&path.0);
        }
        set
    }

    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { nodes: Vec::with_capacity(capacity) }
    }

    pub(super) fn nodes(&self) -> &[FieldNode] {
        &self.nodes
    }

    /// Adds a path; fields above it are not added. The empty path is nobody's.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((first, rest)) = path.split_first() else { return };
        let index = match self.find(first) {
            Ok(index) => index,
            Err(index) => {
                let node = FieldNode { element: first.clone(), member: false, children: Self::default() };
                self.nodes.insert(index, node);
                index
            }
        };
        let node = &mut self.nodes[index];
        if rest.is_empty() {
            node.member = true;
        } else {
            node.children.insert(rest);
        }
    }

    fn find(&self, element: &PathElement) -> Result<usize, usize> {
        self.nodes.binary_search_by(|node| node.element.cmp(element))
    }

    pub(super) fn node(&self, element: &PathElement) -> Option<&FieldNode> {
        self.find(element).ok().map(|index| &self.nodes[index])
    }

    /// Finds the node of a field without making a step of its name.
    pub(super) fn field(&self, name: &str) -> Option<&FieldNode> {
        let found = self.nodes.binary_search_by(|node| match &node.element {
            PathElement::Field(other) => other.as_str().cmp(name),
            PathElement::Key(_) | PathElement::Value(_) | PathElement::Index(_) => Ordering::Greater,
        });
        found.ok().map(|index| &self.nodes[index])
    }

    /// Appends a node, if there is something in it. The caller keeps the order or calls [`Self::sort`].
    pub(super) fn push(&mut self, element: PathElement, member: bool, children: Self) {
        let node = FieldNode { element, member, children };
        if node.keeps_something() {
            self.nodes.push(node);
        }
    }

    /// Restores the order after nodes were appended in another, and joins nodes of the same step.
    pub(super) fn sort(&mut self) {
        if self.nodes.is_sorted_by(|a, b| a.element < b.element) {
            return;
        }
        self.nodes.sort_by(|a, b| a.element.cmp(&b.element));
        self.nodes.dedup_by(|later, first| {
            let same = later.element == first.element;
            if same {
                first.member |= later.member;
                first.children.extend(std::mem::take(&mut later.children));
            }
            same
        });
    }

    /// Returns whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns whether a field is a member.
    pub fn contains(&self, path: &[PathElement]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        let Some(node) = self.node(first) else { return false };
        if rest.is_empty() { node.member } else { node.children.contains(rest) }
    }

    /// Adds all members of another set.
    pub fn extend(&mut self, other: Self) {
        if self.nodes.is_empty() {
            *self = other;
            return;
        }
        if other.nodes.is_empty() {
            return;
        }
        let mut merged = Vec::with_capacity(self.nodes.len() + other.nodes.len());
        let mut theirs = other.nodes.into_iter().peekable();
        for mut node in self.nodes.drain(..) {
            while let Some(other) = theirs.next_if(|other| other.element < node.element) {
                merged.push(other);
            }
            if let Some(other) = theirs.next_if(|other| other.element == node.element) {
                node.member |= other.member;
                node.children.extend(other.children);
            }
            merged.push(node);
        }
        merged.extend(theirs);
        self.nodes = merged;
    }

    /// Keeps or drops by what another set says of each node.
    fn retain(&mut self, other: &Self, keep: fn(&mut FieldNode, Option<&FieldNode>)) {
        let mut theirs = other.nodes.iter().peekable();
        self.nodes.retain_mut(|node| {
            while theirs.next_if(|other| other.element < node.element).is_some() {}
            keep(node, theirs.next_if(|other| other.element == node.element));
            node.keeps_something()
        });
    }

    /// Takes out the members of another set; what is below those stays.
    pub fn subtract(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        self.retain(other, |node, other| {
            if let Some(other) = other {
                node.member &= !other.member;
                node.children.subtract(&other.children);
            }
        });
    }

    /// Takes out the members of another set and everything below them.
    pub fn subtract_recursively(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        self.retain(other, |node, other| {
            if let Some(other) = other {
                if other.member {
                    node.member = false;
                    node.children = Self::default();
                } else {
                    node.children.subtract_recursively(&other.children);
                }
            }
        });
    }

    /// Keeps only what is also a member of another set.
    pub fn intersect(&mut self, other: &Self) {
        self.retain(other, |node, other| {
            node.member &= other.is_some_and(|other| other.member);
            match other {
                Some(other) => node.children.intersect(&other.children),
                None => node.children = Self::default(),
            }
        });
    }

    /// Returns whether some field is in both.
    pub fn intersects(&self, other: &Self) -> bool {
        let mut theirs = other.nodes.iter().peekable();
        self.nodes.iter().any(|node| {
            while theirs.next_if(|other| other.element < node.element).is_some() {}
            theirs.next_if(|other| other.element == node.element).is_some_and(|other| {
                (node.member && other.member) || node.children.intersects(&other.children)
            })
        })
    }

    /// Returns the fields that are in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut set = self.clone();
        set.extend(other.clone());
        set
    }

    /// Returns the fields that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut set = self.clone();
        set.intersect(other);
        set
    }

    /// Returns the fields that are not in the other; a field stays when only one above it is in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut set = self.clone();
        set.subtract(other);
        set
    }

    /// Returns the fields that are not in the other, nor below one that is.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        let mut set = self.clone();
        set.subtract_recursively(other);
        set
    }

    /// Returns the members, those of a level before those below it.
    pub fn paths(&self) -> impl Iterator<Item = FieldPath> + use<> {
        let mut paths = Vec::new();
        self.collect_paths(&mut Vec::new(), &mut paths);
        paths.into_iter()
    }

    fn collect_paths(&self, prefix: &mut Vec<PathElement>, out: &mut Vec<FieldPath>) {
        for node in self.nodes.iter().filter(|node| node.member) {
            let mut path = prefix.clone();
            path.push(node.element.clone());
            out.push(FieldPath(path));
        }
        for node in &self.nodes {
            prefix.push(node.element.clone());
            node.children.collect_paths(prefix, out);
            prefix.pop();
        }
    }
}
