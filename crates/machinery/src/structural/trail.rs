//! The way from the root of an object to a value, written out only when something is wrong there.

use crate::field::Path;

/// One step.
#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Key(&'a str),
    Index(usize),
}

/// A chain of steps on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trail<'a> {
    parent: Option<&'a Trail<'a>>,
    step: Step<'a>,
}

impl<'a> Trail<'a> {
    pub(super) fn root() -> Self {
        Self { parent: None, step: Step::Root }
    }

    /// Goes on to a field.
    pub(super) fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Field(name) }
    }

    /// Goes on to the value of a key, which is written `[key]`.
    pub(super) fn key(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Key(name) }
    }

    /// Goes on to an item.
    pub(super) fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    /// Writes the trail out, empty at the root.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.step {
            Step::Root => {}
            Step::Field(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Step::Key(name) => {
                out.push('[');
                out.push_str(name);
                out.push(']');
            }
            Step::Index(index) => {
                out.push('[');
                out.push_str(&index.to_string());
                out.push(']');
            }
        }
    }

    /// Returns the path from `base` on.
    pub(super) fn path(&self, base: &Path) -> Path {
        join(base, &self.text())
    }
}

/// Appends a trail that was written out.
pub(super) fn join(base: &Path, text: &str) -> Path {
    if text.is_empty() {
        base.clone()
    } else if text.starts_with('[') && *base != Path::root() {
        Path::new(&format!("{base}{text}"))
    } else {
        base.child(text)
    }
}
