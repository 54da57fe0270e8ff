//! Where requests carry tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONNECTION, SEC_WEBSOCKET_PROTOCOL, UPGRADE};

/// What stands before a token among the subprotocols of a WebSocket.
const SUBPROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";

/// Returns the token of a request, if it has one, or why what it has is no good.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    match authorization(headers)? {
        Some(token) => Ok(Some(token.to_owned())),
        None => subprotocol(headers),
    }
}

fn authorization(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| "the Authorization header is not text")?.trim();
    let mut parts = value.splitn(3, ' ');
    let (scheme, token) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Err("passwords are not accepted");
    }
    Ok(Some(token).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()))
}

fn subprotocol(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    if !is_web_socket(headers) {
        return Ok(None);
    }
    let (mut found, mut others) = (None, false);
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        for protocol in value.to_str().unwrap_or("").split(',').map(str::trim) {
            let Some(encoded) = protocol.strip_prefix(SUBPROTOCOL) else {
                others = true;
                continue;
            };
            let bytes = URL_SAFE_NO_PAD
                .decode(encoded)
                .map_err(|_| "invalid base64.bearer.authorization token encoding")?;
            let token = String::from_utf8(bytes).map_err(|_| "invalid base64.bearer.authorization token")?;
            if found.replace(token).is_some() {
                return Err("multiple base64.bearer.authorization tokens specified");
            }
        }
    }
    let found = found.filter(|token| !token.is_empty());
    if found.is_some() && !others {
        return Err("missing additional subprotocol");
    }
    Ok(found)
}

fn is_web_socket(headers: &HeaderMap) -> bool {
    let says = |name, word: &str| {
        let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    says(CONNECTION, "upgrade") && says(UPGRADE, "websocket")
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn found(headers: &[(HeaderName, &str)]) -> Result<Option<String>, &'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_str(value).expect("text"));
        }
        token(&map)
    }

    #[test]
    fn headers_carry_tokens() {
        let cases = [
            ("Bearer abc", Ok(Some("abc"))),
            ("bEARER abc def", Ok(Some("abc"))),
            ("Bearer  abc", Ok(None)),
            ("Bearer", Ok(None)),
            ("Negotiate abc", Ok(None)),
            ("", Ok(None)),
            ("Basic dXNlcjpwYXNz", Err("passwords are not accepted")),
        ];
        for (value, wanted) in cases {
            assert_eq!(
                found(&[(AUTHORIZATION, value)]),
                wanted.map(|token| token.map(str::to_owned)),
                "{value}"
            );
        }
        assert_eq!(found(&[]), Ok(None));
    }

    #[test]
    fn subprotocols_carry_tokens() {
        let socket = |protocols: &str| {
            found(&[
                (CONNECTION, "keep-alive, Upgrade"),
                (UPGRADE, "WebSocket"),
                (SEC_WEBSOCKET_PROTOCOL, protocols),
            ])
        };
        let abc = format!("{SUBPROTOCOL}YWJj");
        assert_eq!(socket(&format!("v4.channel.k8s.io, {abc}")), Ok(Some("abc".to_owned())));
        assert_eq!(socket("v4.channel.k8s.io"), Ok(None));
        assert_eq!(socket(&format!("v4,{SUBPROTOCOL}")), Ok(None));
        assert_eq!(socket(&abc), Err("missing additional subprotocol"));
        assert!(socket(&format!("v4,{abc},{abc}")).is_err());
        assert!(socket(&format!("v4,{abc}=")).is_err(), "padding");
        assert!(socket(&format!("v4,{SUBPROTOCOL}_w")).is_err(), "not UTF-8");
        assert_eq!(found(&[(SEC_WEBSOCKET_PROTOCOL, &format!("v4,{abc}"))]), Ok(None), "no WebSocket");
    }
}
