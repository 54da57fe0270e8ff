//! The environment of a command: what was given, and what every program expects.

use std::fs;

use super::Execution;

/// As container runtimes have it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the environment with `PATH`, `HOME` and `HOSTNAME`; of a name given twice the last value.
pub(super) fn complete(execution: &Execution) -> Vec<(String, String)> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut env: Vec<(String, String)> = vec![
        ("PATH".to_owned(), PATH.to_owned()),
        ("HOME".to_owned(), home(&passwd, execution.user.uid).unwrap_or("/").to_owned()),
    ];
    env.extend(execution.hostname.iter().map(|name| ("HOSTNAME".to_owned(), name.clone())));
    for (name, value) in &execution.env {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), value.clone()));
    }
    env
}

fn home(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(uid)).then(|| fields.get(5).copied())?
    })
}

#[cfg(test)]
mod tests {
    use super::home;

    #[test]
    fn home_is_the_sixth_field() {
        let passwd = "broken\nroot:x:0:0:root:/root:/bin/sh\nmysql:x:101:102::/var/lib/mysql:/bin/false\n";
        assert_eq!(home(passwd, 101), Some("/var/lib/mysql"));
        assert_eq!(home(passwd, 0), Some("/root"));
        assert_eq!(home(passwd, 7), None);
    }
}
