//! Tokens from a file: lines of `token,user,uid,"group1,group2"`, read again when the file changes.

use std::path::{Path, PathBuf};
use std::{fs, io};

use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::User;
use crate::pki::files::Stamp;

/// Why a file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// The file cannot be read.
    #[error("cannot read the tokens in {path} (--token-auth-file)")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A line has too little in it.
    #[error(
        "token file '{path}' must have at least 3 columns (token, user name, user uid), found {found} \
         in record {record}"
    )]
    Columns { path: PathBuf, record: usize, found: usize },
    /// A quote stands where none may be, or is not closed.
    #[error("token file '{path}' has a stray or unclosed '\"' in record {record}")]
    Quote { path: PathBuf, record: usize },
}

/// A token, as a digest: comparing digests tells nothing about lengths, and no token stays in memory.
type Entry = ([u8; 32], User);

/// The tokens of a file.
pub(super) struct StaticTokens {
    path: PathBuf,
    current: RwLock<(Stamp, Vec<Entry>)>,
}

impl StaticTokens {
    /// Reads the file for the first time.
    pub(super) fn load(path: &Path) -> Result<Self, TokenFileError> {
        let stamp = Stamp::of(path);
        let entries = read(path)?;
        Ok(Self { path: path.to_owned(), current: RwLock::new((stamp, entries)) })
    }

    /// Returns whose token it is. How long that takes does not depend on how much of a token was right.
    pub(super) fn find(&self, token: &str) -> Option<User> {
        self.refresh();
        let digest: [u8; 32] = Sha256::digest(token).into();
        let current = self.current.read();
        // The last one of several wins, as with other servers that read such files.
        let found =
            current.1.iter().fold(
                None,
                |found, (known, user)| {
                    if bool::from(known.ct_eq(&digest)) { Some(user) } else { found }
                },
            );
        found.cloned()
    }

    /// Reads the file again if it changed; if that fails, the old tokens stay.
    fn refresh(&self) {
        let stamp = Stamp::of(&self.path);
        if self.current.read().0 == stamp {
            return;
        }
        let entries = read(&self.path);
        let mut current = self.current.write();
        current.0 = stamp;
        match entries {
            Ok(entries) => {
                tracing::info!(path = %self.path.display(), tokens = entries.len(), "read the tokens again");
                current.1 = entries;
            }
            Err(error) => tracing::error!(%error, "the changed tokens cannot be used; the old ones stay"),
        }
    }
}

fn read(path: &Path) -> Result<Vec<Entry>, TokenFileError> {
    let text =
        fs::read_to_string(path).map_err(|source| TokenFileError::Read { path: path.to_owned(), source })?;
    let mut entries = Vec::new();
    for (index, fields) in records(&text).into_iter().enumerate() {
        let record = index + 1;
        let fields = fields.ok_or_else(|| TokenFileError::Quote { path: path.to_owned(), record })?;
        let [token, name, uid, rest @ ..] = fields.as_slice() else {
            return Err(TokenFileError::Columns { path: path.to_owned(), record, found: fields.len() });
        };
        if token.is_empty() {
            tracing::warn!(path = %path.display(), record, "an empty token is left out");
            continue;
        }
        let groups = rest.first().map_or("", String::as_str).split(',').filter(|group| !group.is_empty());
        let user = User::known(name.clone(), groups.map(str::to_owned).collect());
        entries.push((Sha256::digest(token).into(), User { uid: uid.clone(), ..user }));
    }
    Ok(entries)
}

/// Splits comma-separated values; one with stray quotes ends the list as nothing.
fn records(text: &str) -> Vec<Option<Vec<String>>> {
    let mut records = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) {
            rest = after;
            continue;
        }
        let Some((fields, after)) = record(rest) else {
            records.push(None);
            break;
        };
        records.push(Some(fields));
        rest = after;
    }
    records
}

/// Reads one record and returns what follows it.
fn record(mut rest: &str) -> Option<(Vec<String>, &str)> {
    let mut fields = Vec::new();
    loop {
        let (value, after) = field(rest)?;
        fields.push(value);
        if let Some(after) = after.strip_prefix(',') {
            rest = after;
        } else {
            let after = after.strip_prefix('\r').unwrap_or(after);
            return match after.strip_prefix('\n') {
                Some(next) => Some((fields, next)),
                None => after.is_empty().then_some((fields, after)),
            };
        }
    }
}

/// Reads one field and returns what follows it.
fn field(rest: &str) -> Option<(String, &str)> {
    if let Some(quoted) = rest.strip_prefix('"') {
        return quoted_field(quoted);
    }
    let (value, after) = rest.split_at(rest.find([',', '\n']).unwrap_or(rest.len()));
    let value = if after.starts_with(',') { value } else { value.trim_end_matches('\r') };
    (!value.contains('"')).then(|| (value.to_owned(), after))
}

/// Reads a field whose opening quote is gone; two quotes stand for one.
fn quoted_field(mut rest: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        value.push_str(part);
        let Some(more) = after.strip_prefix('"') else { return Some((value, after)) };
        value.push('"');
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<StaticTokens, TokenFileError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("written");
        StaticTokens::load(file.path())
    }

    #[test]
    fn tokens_name_users() {
        let text =
            "abc,jane,1,\"dev,ops\"\r\n\nxyz,\"o\"\"x, y\",2\n,nobody,3\ndup,one,4,a\ndup,two,5,\"\",more";
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("written");
        let tokens = StaticTokens::load(file.path()).expect("a fine file");
        let cases = [
            ("abc", Some(("jane", "1", &["dev", "ops", "system:authenticated"][..]))),
            ("xyz", Some(("o\"x, y", "2", &["system:authenticated"]))),
            ("dup", Some(("two", "5", &["system:authenticated"]))),
            ("ab", None),
            ("", None),
        ];
        for (token, wanted) in cases {
            let found = tokens.find(token);
            let found =
                found.as_ref().map(|user| (user.name.as_str(), user.uid.as_str(), user.groups.clone()));
            let wanted =
                wanted.map(|(name, uid, groups)| (name, uid, groups.iter().map(|&g| g.into()).collect()));
            assert_eq!(found, wanted, "{token}");
        }
    }

    #[test]
    fn bad_files_are_refused_without_showing_tokens() {
        for (text, wanted) in [
            ("secret,user", "at least 3 columns (token, user name, user uid), found 2 in record 1"),
            ("a,b,c\nsec\"ret,b,c", "'\"' in record 2"),
            ("\"secret,b,c", "'\"' in record 1"),
            ("\"secret\"x,b,c", "'\"' in record 1"),
        ] {
            let error = load(text).err().expect("a bad file").to_string();
            assert!(error.contains(wanted) && !error.contains("secret"), "{error}");
        }
        assert!(matches!(StaticTokens::load(Path::new("/nowhere")), Err(TokenFileError::Read { .. })));
    }

    #[test]
    fn changes_are_seen_and_bad_ones_are_not_taken() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "old,u,1").expect("written");
        let tokens = StaticTokens::load(file.path()).expect("a fine file");
        fs::write(file.path(), "brand-new,u,1").expect("written");
        assert!(tokens.find("old").is_none() && tokens.find("brand-new").is_some());
        fs::write(file.path(), "broken").expect("written");
        assert!(tokens.find("brand-new").is_some());
        fs::write(file.path(), "fixed,u,1,g").expect("written");
        assert!(tokens.find("brand-new").is_none() && tokens.find("fixed").is_some());
    }
}
