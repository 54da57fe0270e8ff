//! Scripts that containers hand to a shell, as far as it matters which process gets the signals.
//!
//! A script is split into simple commands and what joins them. Expansions are not carried out: `$(…)` is a part of its word.
//! What is not understood (here-documents, functions) makes a script that nothing is said of.

/// A script, as simple commands.
#[derive(Debug, Default)]
pub(super) struct Script {
    commands: Vec<Command>,
    is_unknown: bool,
}

/// A simple command.
#[derive(Debug, Default)]
struct Command {
    words: Vec<String>,
    is_redirected: bool,
    then: Joint,
}

/// What follows a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Joint {
    /// The end of the script, `;` or the end of a line.
    #[default]
    Next,
    And,
    Or,
    Pipe,
    Background,
}

/// How a script ends, which decides whether its shell stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The shell makes way for a program, or passes signals on; or nothing can be said.
    Fine,
    /// One command. Many shells become it.
    Single,
    /// Several commands, of which some shells become the last.
    List,
    /// The last command is one of a pipeline: the shell waits for it.
    Pipeline,
    /// The last command waits for those in the background.
    Waits,
    /// The last command only comes after the one that lasts.
    Followed,
    /// A loop.
    Loop,
}

const LOOPS: [&str; 3] = ["while", "until", "for"];
const COMPOUNDS: [&str; 14] =
    ["if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "{", "}", "function", "select", "[["];
/// Commands that end at once.
const SHORT: [&str; 5] = ["true", ":", "exit", "echo", "printf"];

/// Returns the name of the shell and the script that a command line hands to it.
pub(super) fn script_of(line: &[String]) -> Option<(&str, &str)> {
    let (program, rest) = line.split_first()?;
    let shell = base(program);
    if !["sh", "bash", "dash", "ash", "ksh", "zsh"].contains(&shell) {
        return None;
    }
    let mut is_script = false;
    for word in rest {
        if word.starts_with('-') || word.starts_with('+') {
            is_script |= word.starts_with('-') && !word.starts_with("--") && word.contains('c');
        } else if is_script && !["pipefail", "errexit", "nounset", "xtrace"].contains(&word.as_str()) {
            return Some((shell, word));
        } else if !is_script && word.contains('/') {
            return None;
        }
    }
    None
}

/// Returns the last part of a path.
pub(super) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Script {
    /// Reads a script.
    pub(super) fn read(text: &str) -> Self {
        let mut reader = Reader { rest: text.chars().collect(), at: 0, script: Self::default() };
        reader.read();
        reader.script
    }

    /// Returns the words of each simple command; what is assigned for it alone is left out.
    pub(super) fn commands(&self) -> impl Iterator<Item = &[String]> {
        self.commands.iter().map(Command::words)
    }

    /// Returns how it ends.
    pub(super) fn shape(&self) -> Shape {
        let makes_way = |command: &Command| match command.words() {
            [first, _, ..] => first == "exec" || first == "trap",
            _ => false,
        };
        let Some((last, before)) = self.commands.split_last() else { return Shape::Fine };
        if self.is_unknown || self.commands.iter().any(makes_way) {
            return Shape::Fine;
        }
        let begins = |command: &Command, with: &[&str]| with.contains(&command.first());
        if self.commands.iter().any(|command| begins(command, &LOOPS)) {
            return Shape::Loop;
        }
        if last.then != Joint::Next || self.commands.iter().any(|command| begins(command, &COMPOUNDS)) {
            return Shape::Fine;
        }
        let Some(previous) = before.last() else {
            return if last.words().is_empty() { Shape::Fine } else { Shape::Single };
        };
        match previous.then {
            Joint::Pipe => Shape::Pipeline,
            Joint::Background if last.first() == "wait" => Shape::Waits,
            _ if SHORT.contains(&last.first()) => Shape::Followed,
            Joint::Next | Joint::And | Joint::Or | Joint::Background => Shape::List,
        }
    }

    /// Returns whether its last command writes to elsewhere, which keeps bash from becoming it.
    pub(super) fn is_redirected(&self) -> bool {
        self.commands.last().is_some_and(|command| command.is_redirected)
    }
}

impl Command {
    fn words(&self) -> &[String] {
        let is_assignment = |word: &&String| {
            let (name, _) = word.split_once('=').unwrap_or_default();
            !name.is_empty() && name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
        };
        let skipped = self.words.iter().take_while(is_assignment).count();
        &self.words[skipped..]
    }

    fn first(&self) -> &str {
        self.words().first().map_or("", String::as_str)
    }
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    script: Script,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next_is(&self, one: char) -> bool {
        self.rest.get(self.at + 1) == Some(&one)
    }

    fn read(&mut self) {
        let mut command = Command::default();
        while let Some(one) = self.peek() {
            match one {
                ' ' | '\t' | '\r' => self.at += 1,
                '\\' if self.next_is('\n') => self.at += 2,
                '#' => {
                    while self.peek().is_some_and(|one| one != '\n') {
                        self.at += 1;
                    }
                }
                '<' | '>' => command.is_redirected |= self.redirection(),
                '&' if self.next_is('>') => command.is_redirected |= self.redirection(),
                '\n' | ';' | '&' | '|' => {
                    command.then = self.joint();
                    self.end(&mut command);
                }
                '(' | ')' => {
                    self.script.is_unknown = true;
                    self.at += 1;
                }
                _ => {
                    let word = self.word();
                    let is_descriptor = word.chars().all(|one| one.is_ascii_digit());
                    if !(is_descriptor && matches!(self.peek(), Some('<' | '>'))) {
                        command.words.push(word);
                    }
                }
            }
        }
        self.end(&mut command);
    }

    fn end(&mut self, command: &mut Command) {
        // What begins a block stands in front of the first command of it.
        if !command.words.is_empty() || command.is_redirected {
            self.script.commands.push(std::mem::take(command));
        } else {
            *command = Command::default();
        }
    }

    fn joint(&mut self) -> Joint {
        let one = self.peek();
        self.at += 1;
        let is_double = one == self.peek();
        match one {
            Some('&') if is_double => {
                self.at += 1;
                Joint::And
            }
            Some('|') if is_double => {
                self.at += 1;
                Joint::Or
            }
            Some('&') => Joint::Background,
            Some('|') => {
                self.at += usize::from(self.peek() == Some('&'));
                Joint::Pipe
            }
            _ => Joint::Next,
        }
    }

    /// Passes over a redirection with its target.
    fn redirection(&mut self) -> bool {
        let begun = self.at;
        while matches!(self.peek(), Some('<' | '>' | '&' | '|')) {
            self.at += 1;
        }
        let operator: String = self.rest[begun..self.at].iter().collect();
        self.script.is_unknown |= operator.contains("<<");
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.at += 1;
        }
        self.word();
        true
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(one) = self.peek() {
            match one {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\\' => word.extend(self.escaped()),
                '\'' => word += &self.quoted('\''),
                '"' => word += &self.quoted('"'),
                '`' => word += &self.quoted('`'),
                '$' if self.next_is('(') => word += &self.substitution(),
                one => {
                    word.push(one);
                    self.at += 1;
                }
            }
        }
        word
    }

    /// Takes the character behind a backslash; the end of a line goes with it.
    fn escaped(&mut self) -> Option<char> {
        let one = self.rest.get(self.at + 1).copied();
        self.at += 2;
        one.filter(|one| *one != '\n')
    }

    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        self.at += 1;
        while let Some(one) = self.peek() {
            if one == quote {
                self.at += 1;
                return text;
            }
            if one == '\\' && quote != '\'' {
                text.extend(self.escaped());
            } else if quote == '"' && one == '$' && self.next_is('(') {
                text += &self.substitution();
            } else {
                text.push(one);
                self.at += 1;
            }
        }
        self.script.is_unknown = true;
        text
    }

    /// Takes `$(…)` as it is.
    fn substitution(&mut self) -> String {
        let begun = self.at;
        let mut depth = 0;
        while let Some(one) = self.peek() {
            self.at += 1;
            match one {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 && one == ')' {
                return self.rest[begun..self.at].iter().collect();
            }
        }
        self.script.is_unknown = true;
        self.rest[begun..].iter().collect()
    }
}

#[cfg(test)]
mod tests;
