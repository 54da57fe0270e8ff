//! Tokens of service accounts: JSON Web Tokens that this server signs and knows again.
//!
//! Only signatures, times, issuers and audiences are judged here; whether the account and what the token is bound to
//! still exist is for the caller to see.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use stanchion_machinery::status::{Reason, Status};

use super::keys::{SigningKey, VerifyingKey};
use super::{CREDENTIAL_ID, User};
use crate::clock;

/// The group of all service accounts.
const ACCOUNTS: &str = "system:serviceaccounts";
/// Longer tokens are not looked at.
const LIMIT: usize = 16 * 1024;
/// Clocks may differ by this much.
const LEEWAY: i64 = 60;
/// What is said of tokens that are not ours.
const NOT_OURS: &str = "invalid bearer token";

/// How tokens are made and which are accepted.
#[derive(Clone, Debug)]
pub(crate) struct TokenSettings {
    /// The key that signs (`--service-account-signing-key-file`).
    pub(crate) signing_key_file: PathBuf,
    /// More keys whose signatures count (`--service-account-key-file`).
    pub(crate) key_files: Vec<PathBuf>,
    /// Who tokens are from (`--service-account-issuer`); the first makes them, all are accepted.
    pub(crate) issuers: Vec<String>,
    /// Whom tokens for this server name (`--api-audiences`); the issuers if empty.
    pub(crate) audiences: Vec<String>,
    /// Where others find the keys (`--service-account-jwks-uri`).
    pub(crate) jwks_uri: String,
}

/// Why there can be no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// A file cannot be read, or has no key that can be used.
    #[error("cannot use the key in {path} for tokens of service accounts: {problem}")]
    Key { path: PathBuf, problem: String },
    /// Nobody is named as the issuer.
    #[error("--service-account-issuer must not be empty: it says who tokens are from")]
    NoIssuer,
}

/// An object by its name and uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectRef {
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// What a token ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// A pod, and the node that it is on.
    Pod { pod: ObjectRef, node: Option<ObjectRef> },
    /// A secret.
    Secret(ObjectRef),
    /// A node.
    Node(ObjectRef),
}

/// What a new token says.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    pub(crate) namespace: String,
    pub(crate) service_account: ObjectRef,
    /// Whom it is for; this server if empty.
    pub(crate) audiences: Vec<String>,
    pub(crate) expiration_seconds: i64,
    /// Seconds after which its use is worth a warning.
    pub(crate) warn_after: Option<i64>,
    pub(crate) bound: Option<Bound>,
}

/// What a token said whose signature, times, issuer and audiences are in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) user: User,
    pub(crate) namespace: String,
    pub(crate) service_account: ObjectRef,
    pub(crate) bound: Option<Bound>,
    /// Those audiences that were asked for.
    pub(crate) audiences: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub(crate) expires: i64,
}

impl Verified {
    /// Returns whether its time is over.
    pub(super) fn is_over(&self, now: i64) -> bool {
        now.saturating_sub(LEEWAY) > self.expires
    }
}

/// Makes tokens and knows them again.
pub(crate) struct Tokens {
    issuers: Vec<String>,
    audiences: Vec<String>,
    jwks_uri: String,
    signing: SigningKey,
    /// Those that verify, each once; the signing key's own comes first.
    keys: Vec<VerifyingKey>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads the keys.
    pub(crate) fn load(settings: &TokenSettings) -> Result<Self, TokenError> {
        let path = &settings.signing_key_file;
        let bad = |problem| TokenError::Key { path: path.clone(), problem };
        let signing = SigningKey::from_pem(&read(path)?).map_err(bad)?;
        let mut keys = vec![signing.public().clone()];
        for path in &settings.key_files {
            let found = VerifyingKey::all(&read(path)?);
            for key in found.map_err(|problem| TokenError::Key { path: path.clone(), problem })? {
                if keys.iter().all(|known| known.id() != key.id()) {
                    keys.push(key);
                }
            }
        }
        if settings.issuers.first().is_none_or(String::is_empty) {
            return Err(TokenError::NoIssuer);
        }
        let issuers = settings.issuers.clone();
        let audiences = if settings.audiences.is_empty() { &issuers } else { &settings.audiences }.clone();
        Ok(Self { issuers, audiences, jwks_uri: settings.jwks_uri.clone(), signing, keys })
    }

    /// Returns whom tokens for this server name.
    pub(crate) fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// Makes a token and returns it with the time at which it ends, in seconds since 1970.
    pub(crate) fn issue(&self, claims: &Claims) -> Result<(String, i64), Status> {
        self.issue_at(claims, clock::seconds())
    }

    fn issue_at(&self, claims: &Claims, now: i64) -> Result<(String, i64), Status> {
        let expires = now.saturating_add(claims.expiration_seconds);
        let key = self.signing.public();
        let head = json!({ "alg": key.algorithm(), "kid": key.id() });
        let body = self.claims(claims, now, expires);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&head), part(&body));
        let signature = self.signing.sign(message.as_bytes());
        let signature = signature.map_err(|_| Status::internal("failed to generate token"))?;
        Ok((format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)), expires))
    }

    fn claims(&self, claims: &Claims, now: i64, expires: i64) -> Value {
        let Claims { namespace, service_account, audiences, expiration_seconds: _, warn_after, bound } =
            claims;
        let reference = |object: &ObjectRef| json!({ "name": object.name, "uid": object.uid });
        let mut private = Map::new();
        private.insert("namespace".to_owned(), json!(namespace));
        private.insert("serviceaccount".to_owned(), reference(service_account));
        let mut refer = |what: &str, object: &ObjectRef| private.insert(what.to_owned(), reference(object));
        match bound {
            None => {}
            Some(Bound::Pod { pod, node }) => {
                refer("pod", pod);
                if let Some(node) = node {
                    refer("node", node);
                }
            }
            Some(Bound::Secret(secret)) => drop(refer("secret", secret)),
            Some(Bound::Node(node)) => drop(refer("node", node)),
        }
        if let Some(seconds) = warn_after {
            private.insert("warnafter".to_owned(), json!(now.saturating_add(*seconds)));
        }
        let audiences = if audiences.is_empty() { &self.audiences } else { audiences };
        json!({
            "aud": audiences,
            "exp": expires,
            "iat": now,
            "iss": self.issuers.first(),
            "jti": uuid::Uuid::new_v4().to_string(),
            "kubernetes.io": private,
            "nbf": now,
            "sub": account_user(namespace, &service_account.name),
        })
    }

    /// Judges a token; without audiences it has to be for this server.
    ///
    /// The message of a failure is for reviews of tokens; other clients are to see `Unauthorized` alone.
    pub(crate) fn verify(&self, token: &str, audiences: &[String]) -> Result<Verified, Status> {
        self.verify_at(token, audiences, clock::seconds())
    }

    fn verify_at(&self, token: &str, audiences: &[String], now: i64) -> Result<Verified, Status> {
        self.judge(token, audiences, now).map_err(|why| Status::new(Reason::Unauthorized, why))
    }

    fn judge(&self, token: &str, audiences: &[String], now: i64) -> Result<Verified, String> {
        let (message, signature) = token.rsplit_once('.').filter(|_| token.len() <= LIMIT).ok_or(NOT_OURS)?;
        let (head, body) = message.split_once('.').ok_or(NOT_OURS)?;
        let (head, body) = (object(head).ok_or(NOT_OURS)?, object(body).ok_or(NOT_OURS)?);
        let issued = body.get("iss").and_then(Value::as_str);
        if !self.issuers.iter().any(|issuer| issued == Some(issuer)) || head.contains_key("crit") {
            return Err(NOT_OURS.to_owned());
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| NOT_OURS)?;
        self.check_signature(&head, message.as_bytes(), &signature)?;
        let found = self.common_audiences(&body, audiences)?;
        let expires = check_times(&body, now)?;
        let (namespace, service_account, bound) = private(&body).ok_or(NOT_OURS)?;
        let id = body.get("jti").and_then(Value::as_str).unwrap_or("");
        let user = user(&namespace, &service_account, bound.as_ref(), id);
        Ok(Verified { user, namespace, service_account, bound, audiences: found, expires })
    }

    /// Checks the signature with the key that the token names; a key has one algorithm, whatever the token says.
    fn check_signature(
        &self,
        head: &Map<String, Value>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), String> {
        let algorithm = head.get("alg").and_then(Value::as_str).unwrap_or("");
        let id = head.get("kid").and_then(Value::as_str).unwrap_or("");
        let mut keys = self.keys.iter().filter(|key| id.is_empty() || key.id() == id).peekable();
        if keys.peek().is_none() {
            return Err("invalid signature, no keys found".to_owned());
        }
        let good = keys.any(|key| key.algorithm() == algorithm && key.verifies(message, signature));
        if good { Ok(()) } else { Err("invalid signature".to_owned()) }
    }

    fn common_audiences(&self, body: &Map<String, Value>, wanted: &[String]) -> Result<Vec<String>, String> {
        let named: Vec<&str> = match body.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let wanted = if wanted.is_empty() { &self.audiences } else { wanted };
        let common: Vec<String> =
            wanted.iter().filter(|audience| named.contains(&audience.as_str())).cloned().collect();
        if common.is_empty() {
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let (named, wanted) = (quoted(&named), quoted(&wanted));
            return Err(format!("token audiences {named} is invalid for the target audiences {wanted}"));
        }
        Ok(common)
    }

    /// Returns the keys as others need them to verify tokens.
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(VerifyingKey::jwk).collect::<Vec<_>>() })
    }

    /// Returns what others need to know to trust the issuer.
    pub(crate) fn openid_configuration(&self) -> Value {
        let mut algorithms: Vec<&str> = self.keys.iter().map(VerifyingKey::algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        json!({
            "issuer": self.issuers.first(),
            "jwks_uri": self.jwks_uri,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TokenError> {
    fs::read(path).map_err(|error| TokenError::Key { path: path.to_owned(), problem: error.to_string() })
}

/// Reads one part of a token.
fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// Returns when a token ends, if it counts now.
fn check_times(body: &Map<String, Value>, now: i64) -> Result<i64, &'static str> {
    let time = |claim: &str| body.get(claim).and_then(Value::as_i64);
    let latest = now.saturating_add(LEEWAY);
    if time("nbf").is_some_and(|from| latest < from) {
        return Err("service account token is not valid yet");
    }
    let expires = time("exp").ok_or("service account token has no expiration")?;
    if now.saturating_sub(LEEWAY) > expires {
        return Err("service account token has expired");
    }
    if time("iat").is_some_and(|issued| latest < issued) {
        return Err("service account token claims could not be validated due to unexpected validation error");
    }
    Ok(expires)
}

/// Reads whom a token is for and what it is bound to.
fn private(body: &Map<String, Value>) -> Option<(String, ObjectRef, Option<Bound>)> {
    let private = body.get("kubernetes.io")?;
    let text = |value: &Value, field: &str| {
        value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    // A reference that is there but says too little must not pass as none.
    let reference = |what: &str| match private.get(what) {
        None | Some(Value::Null) => Some(None),
        Some(value) => Some(Some(ObjectRef { name: text(value, "name")?, uid: text(value, "uid")? })),
    };
    let bound = match (reference("pod")?, reference("secret")?, reference("node")?) {
        (None, None, None) => None,
        (Some(pod), None, node) => Some(Bound::Pod { pod, node }),
        (None, Some(secret), None) => Some(Bound::Secret(secret)),
        (None, None, Some(node)) => Some(Bound::Node(node)),
        (_, Some(_), _) => return None,
    };
    Some((text(private, "namespace")?, reference("serviceaccount")??, bound))
}

fn account_user(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

fn user(namespace: &str, account: &ObjectRef, bound: Option<&Bound>, id: &str) -> User {
    let groups = vec![ACCOUNTS.to_owned(), format!("{ACCOUNTS}:{namespace}")];
    let mut user = User::known(account_user(namespace, &account.name), groups);
    user.uid.clone_from(&account.uid);
    let (pod, node) = match bound {
        Some(Bound::Pod { pod, node }) => (Some(pod), node.as_ref()),
        Some(Bound::Node(node)) => (None, Some(node)),
        Some(Bound::Secret(_)) | None => (None, None),
    };
    for (what, object) in [("pod", pod), ("node", node)] {
        if let Some(ObjectRef { name, uid }) = object {
            user.extra.insert(format!("authentication.kubernetes.io/{what}-name"), vec![name.clone()]);
            user.extra.insert(format!("authentication.kubernetes.io/{what}-uid"), vec![uid.clone()]);
        }
    }
    if !id.is_empty() {
        user.extra.insert(CREDENTIAL_ID.to_owned(), vec![format!("JTI={id}")]);
    }
    user
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(" "))
}

#[cfg(test)]
pub(super) mod tests;
