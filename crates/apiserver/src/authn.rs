//! Who a request comes from.
//!
//! Certificates come before tokens, as in every API server. Whoever shows something that is no good is refused, even
//! where others may come without showing anything. Tokens are never logged.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderMap;
use parking_lot::RwLock;
use stanchion_machinery::status::{Reason, Status};

pub(crate) use self::peer::Peer;
use self::remembered::Remembered;
use self::static_tokens::StaticTokens;
pub use self::static_tokens::TokenFileError;
pub use self::tokens::TokenError;
pub(crate) use self::tokens::{TokenSettings, Tokens, Verified};
use crate::clock;
use crate::http::Reply;

mod bearer;
mod keys;
mod peer;
mod remembered;
mod static_tokens;
pub(crate) mod tokens;

/// Names the credential that was shown, among what else is known of a user.
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
/// What is said of tokens that nobody knows.
const UNKNOWN: &str = "invalid bearer token";

/// The user of everybody who is not known.
pub(crate) const ANONYMOUS: &str = "system:anonymous";
/// The group of everybody who is not known.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group of everybody who is known.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// The group that may do everything.
pub(crate) const MASTERS: &str = "system:masters";

/// Who a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Returns the user of requests that show nothing.
    pub(crate) fn anonymous() -> Self {
        Self { name: ANONYMOUS.to_owned(), groups: vec![UNAUTHENTICATED.to_owned()], ..Self::default() }
    }

    /// Makes a known user; being known is a group of its own.
    pub(crate) fn known(name: impl Into<String>, mut groups: Vec<String>) -> Self {
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        Self { name: name.into(), groups, ..Self::default() }
    }
}

/// How users are known.
#[derive(Clone, Debug)]
pub(crate) struct AuthenticatorSettings {
    /// A file of tokens (`--token-auth-file`).
    pub(crate) token_auth_file: Option<PathBuf>,
    /// Tokens of service accounts.
    pub(crate) tokens: TokenSettings,
    /// Whether requests may show nothing (`--anonymous-auth`).
    pub(crate) anonymous: bool,
}

/// Why users cannot be known.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticatorError {
    #[error(transparent)]
    File(#[from] TokenFileError),
    #[error(transparent)]
    Tokens(#[from] TokenError),
}

/// Says whether what a token speaks of still exists: the service account, and what the token is bound to.
pub(crate) type Lookup = dyn Fn(&Verified) -> bool + Send + Sync;

/// Whose a token is, as reviews of tokens tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reviewed {
    pub(crate) user: User,
    /// Those audiences that were asked for and that the token has.
    pub(crate) audiences: Vec<String>,
}

/// Finds out who a request comes from.
pub(crate) struct Authenticator {
    file: Option<StaticTokens>,
    tokens: Tokens,
    remembered: Remembered,
    lookup: RwLock<Option<Arc<Lookup>>>,
    anonymous: bool,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Reads keys and tokens.
    pub(crate) fn new(settings: &AuthenticatorSettings) -> Result<Self, AuthenticatorError> {
        Ok(Self {
            file: settings.token_auth_file.as_deref().map(StaticTokens::load).transpose()?,
            tokens: Tokens::load(&settings.tokens)?,
            remembered: Remembered::default(),
            lookup: RwLock::new(None),
            anonymous: settings.anonymous,
        })
    }

    /// Sets how to see whether service accounts still exist; until then their tokens are refused.
    pub(crate) fn set_lookup(&self, lookup: Arc<Lookup>) {
        *self.lookup.write() = Some(lookup);
    }

    /// Returns who a request comes from.
    pub(crate) fn user(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<User, Status> {
        let why = match self.known(headers, peer) {
            Ok(Some(user)) => return Ok(user),
            Ok(None) if self.anonymous => return Ok(User::anonymous()),
            Ok(None) => "nothing was shown".to_owned(),
            Err(why) => why,
        };
        tracing::debug!(why, "refused a request");
        Err(Status::new(Reason::Unauthorized, "Unauthorized"))
    }

    fn known(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<Option<User>, String> {
        let outdated = match peer {
            Some(peer) if peer.is_valid(clock::seconds()) => return Ok(Some(peer.user().clone())),
            Some(_) => true,
            None => false,
        };
        match bearer::token(headers)? {
            Some(token) => self.review(&token, &[]).map(|reviewed| Some(reviewed.user)),
            None if outdated => Err("the certificate does not count at this time".to_owned()),
            None => Ok(None),
        }
    }

    /// Returns whose a token is, or why nobody's; without audiences it has to be for this server.
    pub(crate) fn review(&self, token: &str, audiences: &[String]) -> Result<Reviewed, String> {
        let own = self.tokens.audiences();
        if let Some(user) = self.file.as_ref().and_then(|file| file.find(token)) {
            // Such tokens are for this server, whatever that is called.
            let wanted = if audiences.is_empty() { own } else { audiences };
            let audiences: Vec<String> = wanted.iter().filter(|name| own.contains(name)).cloned().collect();
            return if audiences.is_empty() {
                Err(UNKNOWN.to_owned())
            } else {
                Ok(Reviewed { user, audiences })
            };
        }
        let verified = self.verified(token, audiences)?;
        // The caller's code runs without the lock.
        let lookup = self.lookup.read().clone();
        if lookup.is_some_and(|exists| exists(&verified)) {
            Ok(Reviewed { user: verified.user.clone(), audiences: verified.audiences.clone() })
        } else {
            Err("service account token has been invalidated".to_owned())
        }
    }

    fn verified(&self, token: &str, audiences: &[String]) -> Result<Arc<Verified>, String> {
        let verify = || self.tokens.verify(token, audiences).map(Arc::new).map_err(|status| status.message);
        if audiences.is_empty() { self.remembered.get_or(token, clock::seconds(), verify) } else { verify() }
    }

    /// Returns what makes tokens of service accounts.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Answers with what others need to know to trust this server's tokens.
    pub(crate) fn openid_configuration(&self) -> Reply {
        Reply::object(200, &self.tokens.openid_configuration())
    }

    /// Answers with the keys that verify this server's tokens.
    pub(crate) fn jwks(&self) -> Reply {
        Reply { content_type: "application/jwk-set+json".into(), ..Reply::object(200, &self.tokens.jwks()) }
    }
}

#[cfg(test)]
mod tests;
