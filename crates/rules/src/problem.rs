//! What is wrong with an expression, and where.

/// A problem at a place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) at: usize,
    pub(crate) says: String,
}

impl Problem {
    /// Writes the problem with the line it is in and a mark below it.
    pub(crate) fn shown(&self, source: &str) -> String {
        let before = source.get(..self.at).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count();
        let text = source.lines().nth(line - 1).unwrap_or("");
        let text = text.chars().take(500).collect::<String>().replace('\t', " ");
        let dots = ".".repeat(column.min(500));
        format!("ERROR: <input>:{line}:{}: {}\n | {text}\n | {dots}^", column + 1, self.says)
    }
}
