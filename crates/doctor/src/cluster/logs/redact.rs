//! Takes out of a line of a log what looks like a secret. It takes rather too much than too little.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What stands in its place.
const GONE: &str = "[redacted]";
/// A longer line is cut.
const LONGEST: usize = 300;
/// What is said of a password without saying it, as `using password: YES`.
const HARMLESS: [&str; 6] = ["yes", "no", "true", "false", "none", "null"];

/// A name that has to do with secrets, and what follows it.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i)([\w.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization)[\w.-]*["']?\s*(?:=>|[:=])\s*)("[^"]*"|'[^']*'|(?:bearer|basic)\s+\S+|[^\s,;&)}\]]+)"#,
    )
});
/// A user and a password in a URL.
static URL: LazyLock<Regex> = LazyLock::new(|| regex(r"(://)[^/\s@]*:[^\s@]*@"));
/// How HTTP says who asks.
static HTTP: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}"));
/// How SQL gives passwords.
static SQL: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"(?i)\b(identified\s+(?:(?:with|via)\s+\S+\s+)?(?:by|as|using)\s+|password\s+)('[^']*'|"[^"]*")"#)
});
/// How clients of databases take passwords.
static OPTION: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)(\b(?:mysql|mariadb)[\w-]*\b.*?\s-p)[^\s-]\S*"));
/// A run of letters and digits that no word is: a key, a token, a hash.
static RUN: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|[A-Za-z0-9+_-]{40,}={0,2}"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is written here and tested")
}

/// Returns a line without what looks like a secret, and not too long.
pub(super) fn redacted(line: &str) -> String {
    let line = NAMED.replace_all(line, |found: &Captures<'_>| {
        let (name, value) = (&found[1], &found[2]);
        let bare = value.trim_matches(['"', '\'', '.']).to_ascii_lowercase();
        if HARMLESS.contains(&&*bare) { found[0].to_owned() } else { format!("{name}{GONE}") }
    });
    let mut line = line.into_owned();
    for (pattern, with) in [
        (&URL, "${1}[redacted]@"),
        (&HTTP, "${1}[redacted]"),
        (&SQL, "${1}[redacted]"),
        (&OPTION, "${1}[redacted]"),
        (&RUN, GONE),
    ] {
        if let Cow::Owned(changed) = pattern.replace_all(&line, with) {
            line = changed;
        }
    }
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out() {
        for line in [
            "connecting with password=hunter2 to db",
            "MYSQL_ROOT_PASSWORD: hunter2",
            r#"{"user":"a","db_password":"hunter2","port":3306}"#,
            "dsn postgres://app:hunter2@db:5432/app",
            "dsn amqp://:hunter2@queue",
            "Authorization: Bearer hunter2hunter2",
            "header bearer hunter2.hunter2",
            "CREATE USER a IDENTIFIED BY 'hunter2'",
            "ALTER ROLE a PASSWORD 'hunter2'",
            "exec: mysql -uroot -phunter2 -e 'select 1'",
            "token => 'hunter2'",
            "loaded hunter2hunter2hunter2hunter2hunter2hunter2hunter2",
            "aws_secret_access_key = hunter2",
        ] {
            let said = redacted(line);
            assert!(!said.contains("hunter2") && said.contains(GONE), "{line:?} became {said:?}");
        }
    }

    #[test]
    fn what_says_why_stays() {
        for line in [
            "Access denied for user 'app'@'10.0.0.1' (using password: YES)",
            "[ERROR] InnoDB: Unable to lock ./ibdata1 error: 11",
            "panic: runtime error: invalid memory address or nil pointer dereference",
            "exec /usr/local/bin/docker-entrypoint.sh: no such file or directory",
            "dial tcp 10.96.0.10:53: i/o timeout",
        ] {
            assert_eq!(redacted(line), line);
        }
        let long = redacted(&"word ".repeat(200));
        assert_eq!(long.chars().count(), LONGEST + 1);
    }
}
