//! What the schema cannot say by types and ranges: rules that the API server evaluates, with the sentences it answers.
//!
//! An API server estimates beforehand what a rule may cost, and refuses a definition with one that may cost too much. To
//! it whatever is taken from a list in the rule itself, or put together by the rule, may be of any length. So names of
//! options stand in rules of their own instead of in messages that are put together.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

use crate::parameters::{FORBIDDEN, PREFIXES, WHOLE};

/// Rules by the field that they are about, as property names from the root; the empty path is the root.
pub(crate) fn rules() -> Vec<(&'static [&'static str], ValidationRule)> {
    let mut rules = vec![
        (
            &[][..],
            rule(
                "self.metadata.name.size() <= 50 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                "the name takes at most 50 of a-z, 0-9 and -, begins with a letter and ends with a letter or digit: \
                 Pods and Services are named after it",
            ),
        ),
        (
            &[][..],
            rule(
                "!has(self.spec.failover.preferredInstance) || (self.spec.failover.preferredInstance.size() == \
                 self.metadata.name.size() + 2 && self.spec.failover.preferredInstance.startsWith(self.metadata.name) \
                 && self.spec.failover.preferredInstance.matches('-[0-8]$') && \
                 int(self.spec.failover.preferredInstance.substring(self.metadata.name.size() + 1)) < \
                 self.spec.instances)",
                "spec.failover.preferredInstance must be an instance of the cluster: NAME-0 up to NAME-(instances - 1)",
            ),
        ),
        (
            &["spec", "storage", "size"][..],
            rule(
                "quantity(self).isGreaterThan(quantity('0'))",
                "a volume needs a size of more than nothing, such as 10Gi",
            ),
        ),
        (
            &["spec", "storage", "size"][..],
            rule(
                "quantity(self).compareTo(quantity(oldSelf)) >= 0",
                "volumes cannot shrink: make a new cluster with smaller ones and copy the data",
            ),
        ),
        (
            &["spec", "storage"][..],
            rule(
                "has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || \
                 self.storageClassName == oldSelf.storageClassName)",
                "storageClassName cannot be changed: the volumes that are there stay what they are",
            ),
        ),
        (
            &["spec", "database"][..],
            rule(
                "self == oldSelf",
                "the database and its account cannot be renamed: they were made when the cluster began",
            ),
        ),
        (
            &["spec", "database", "name"][..],
            rule(
                "!(self.lowerAscii() in ['mysql', 'information_schema', 'performance_schema', 'sys'])",
                "this name is the server's own: take another for the application's database",
            ),
        ),
        (
            &["spec", "database", "user"][..],
            rule(
                "!(self in ['root', 'mysql', 'mariadb', 'PUBLIC']) && !self.startsWith('replication_')",
                "this account is the server's own: take another for the application",
            ),
        ),
    ];
    rules.extend(durations());
    rules.extend(parameters());
    rules
}

fn durations() -> Vec<(&'static [&'static str], ValidationRule)> {
    let within = |least: &str, most: &str, message: &str| {
        rule(
            &format!("duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"),
            message,
        )
    };
    vec![
        (
            &["spec", "failover", "heartbeatInterval"][..],
            within("100ms", "1m", "heartbeats come every 100ms to 1m"),
        ),
        (
            &["spec", "failover", "maxApplyLag"][..],
            within("0s", "1h", "replicas may be 0s (any distance) to 1h behind"),
        ),
        (
            &["spec", "failover", "switchoverDeadline"][..],
            within("1s", "10m", "a planned change of primary is given 1s to 10m"),
        ),
    ]
}

fn parameters() -> Vec<(&'static [&'static str], ValidationRule)> {
    let path: &'static [&'static str] = &["spec", "engine", "parameters"];
    let starts: Vec<String> = PREFIXES.iter().map(|prefix| format!("!k.startsWith('{prefix}')")).collect();
    let all = list(FORBIDDEN.iter().map(|option| option.trim_end_matches('*')));
    let whole = list(FORBIDDEN.iter().chain(WHOLE).copied());
    let mut rules = vec![
        (
            path,
            rule(
                "self.all(k, k.matches('^[a-z][a-z0-9_]{0,63}$'))",
                "options are written by their names in lower case and with underscores, such as max_connections",
            ),
        ),
        (
            path,
            rule(
                &format!("self.all(k, {})", starts.join(" && ")),
                "options are written without autoset_, disable_, enable_, loose_, maximum_ or skip_ in front: write the option \
                 itself with ON, OFF or its value",
            ),
        ),
        (
            path,
            rule(
                &format!("self.all(k, k in {whole} || !{all}.exists(f, f.startsWith(k)))"),
                "options are written by their whole names: one of these is only the beginning of an option that \
                 Stanchion sets",
            ),
        ),
    ];
    let forbidden = FORBIDDEN.iter().map(|option| {
        let message = format!("{option} cannot be set: Stanchion sets it, or failover relies on how it is");
        let expression = match option.strip_suffix('*') {
            Some(family) => format!("self.all(k, !k.startsWith('{family}'))"),
            None => format!("!('{option}' in self)"),
        };
        (path, rule(&expression, &message))
    });
    rules.extend(forbidden);
    rules
}

fn rule(rule: &str, message: &str) -> ValidationRule {
    ValidationRule { rule: rule.to_owned(), message: Some(message.to_owned()), ..ValidationRule::default() }
}

/// Writes a list as an expression does.
fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("'{word}'")).collect();
    format!("[{}]", quoted.join(", "))
}
