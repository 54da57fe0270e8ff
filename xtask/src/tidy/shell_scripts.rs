//! A shell script is executable, runs under the bash on PATH, and stops at the first error.

use super::Finding;
use super::tree::{File, Tree, has_extension};

const SHEBANG: &str = "#!/usr/bin/env bash";
const STRICT: &str = "set -euo pipefail";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().flat_map(|(path, file)| check_file(path, file)).collect()
}

/// Says whether a file is a shell script, by its name or its first line.
pub(super) fn is_shell(path: &str, text: &str) -> bool {
    let interpreter = || {
        let first = text.lines().next()?.strip_prefix("#!")?;
        first.split_whitespace().rev().find(|word| !word.starts_with('-'))?.rsplit('/').next()
    };
    has_extension(path, "sh") || matches!(interpreter(), Some("sh" | "bash" | "dash" | "zsh"))
}

fn check_file(path: &str, file: &File) -> Vec<Finding> {
    let Some(text) = file.text.as_deref().filter(|text| is_shell(path, text)) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if !file.executable {
        findings.push(Finding::new(path, 1, "a shell script is not executable", format!("chmod +x {path}")));
    }
    if text.lines().next() != Some(SHEBANG) {
        let mend = format!("begin with `{SHEBANG}`: scripts use bash, wherever it is installed");
        findings.push(Finding::new(path, 1, "a shell script names another interpreter", mend));
    }
    let is_command = |(_, line): &(usize, &str)| !line.is_empty() && !line.starts_with('#');
    let first_command = text.lines().enumerate().find(is_command);
    if first_command.is_none_or(|(_, line)| line != STRICT) {
        let line = first_command.map_or(1, |(index, _)| index + 1);
        let mend = format!("make `{STRICT}` the first command: a failed step must stop the script");
        findings.push(Finding::new(path, line, "a shell script goes on after errors", mend));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::tree::{File, Tree};

    const GOOD: &str = "#!/usr/bin/env bash\n# What it does.\n\nset -euo pipefail\necho\n";

    fn findings(path: &str, text: &str, executable: bool) -> Vec<String> {
        let mut tree = Tree::default();
        tree.files.insert(path.to_owned(), File { text: Some(text.to_owned()), executable });
        check(&tree).into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn a_strict_bash_script_is_silent() {
        assert_eq!(findings("run", GOOD, true), [""; 0]);
        assert_eq!(findings("scripts/a.sh", GOOD, true), [""; 0]);
    }

    #[test]
    fn a_script_must_be_executable() {
        assert_eq!(findings("run", GOOD, false), ["1: a shell script is not executable"]);
    }

    #[test]
    fn another_shell_or_none_is_found() {
        let other = GOOD.replace("/usr/bin/env bash", "/bin/bash -e");
        assert_eq!(findings("run", &other, true), ["1: a shell script names another interpreter"]);
        let none = GOOD.replace("#!/usr/bin/env bash\n", "");
        assert_eq!(findings("a.sh", &none, true), ["1: a shell script names another interpreter"]);
    }

    #[test]
    fn strictness_must_come_first() {
        let late = "#!/usr/bin/env bash\ncd /tmp\nset -euo pipefail\n";
        assert_eq!(findings("run", late, true), ["2: a shell script goes on after errors"]);
        assert_eq!(
            findings("run", "#!/usr/bin/env bash\n", true),
            ["1: a shell script goes on after errors"]
        );
    }

    #[test]
    fn other_files_are_left_alone() {
        assert_eq!(findings("tool", "#!/usr/bin/env python3\n", false), [""; 0]);
        assert_eq!(findings("notes", "about bash\n", false), [""; 0]);
    }
}
