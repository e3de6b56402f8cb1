//! Where a request may carry a token.

use axum::extract::Request;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use alk_pubsub::ws_server::BearerToken;

/// What stands before a token among the subprotocols of a WebSocket.
const SUBPROTOCOL: &str = "bearer.";

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    None,
    Token(BearerToken),
    /// Several that differ.
    Conflicting,
    /// Something else than a token.
    Other,
}

/// Takes all tokens out of a request, so that nothing behind sees or logs them.
pub(super) fn take(request: &mut Request) -> Credentials {
    let mut tokens = Vec::new();
    let mut other = false;
    for value in request.headers().get_all(AUTHORIZATION) {
        match value.to_str().ok().and_then(bearer) {
            Some(token) => tokens.push(token.to_owned()),
            None => other = true,
        }
    }
    request.headers_mut().remove(AUTHORIZATION);
    take_subprotocols(request.headers_mut(), &mut tokens);
    if let Some(uri) = without_tokens(request.uri(), &mut tokens) {
        *request.uri_mut() = uri;
    }
    let mut tokens = tokens.into_iter();
    match tokens.next() {
        None if other => Credentials::Other,
        None => Credentials::None,
        Some(token) if !other && tokens.all(|another| another == token) => {
            Credentials::Token(BearerToken::new(token))
        }
        Some(_) => Credentials::Conflicting,
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn take_subprotocols(headers: &mut HeaderMap, tokens: &mut Vec<String>) {
    let offered: Vec<String> = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_owned()))
        .collect();
    if !offered.iter().any(|name| name.starts_with(SUBPROTOCOL)) {
        return;
    }
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    for name in offered {
        match name.strip_prefix(SUBPROTOCOL) {
            Some(token) => tokens.push(token.to_owned()),
            None => {
                if let Ok(value) = HeaderValue::from_str(&name) {
                    headers.append(SEC_WEBSOCKET_PROTOCOL, value);
                }
            }
        }
    }
}

/// The address without the parameter `token`, if it has one.
fn without_tokens(uri: &Uri, tokens: &mut Vec<String>) -> Option<Uri> {
    let is_token = |parameter: &&str| *parameter == "token" || parameter.starts_with("token=");
    let query = uri.query()?;
    let mut found = query.split('&').filter(is_token).peekable();
    found.peek()?;
    for parameter in found {
        let value = parameter.strip_prefix("token=").unwrap_or_default();
        tokens.push(percent_decode_str(value).decode_utf8_lossy().into_owned());
    }
    let rest: Vec<&str> = query.split('&').filter(|parameter| !is_token(parameter)).collect();
    let path =
        if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), rest.join("&")) };
    let mut parts = uri.clone().into_parts();
    // It is made of parts of one that is well formed.
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    Uri::from_parts(parts).ok().or_else(|| Some(Uri::from_static("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(uri: &str, headers: &[(&'static str, &str)]) -> (Credentials, String, Vec<String>) {
        let mut request = axum::http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(axum::body::Body::empty()).unwrap();
        let credentials = take(&mut request);
        assert!(!request.headers().contains_key(AUTHORIZATION));
        let left = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let left = left.map(|value| value.to_str().unwrap().to_owned()).collect();
        (credentials, request.uri().to_string(), left)
    }

    fn token(token: &str) -> Credentials {
        Credentials::Token(BearerToken::new(token))
    }

    #[test]
    fn tokens_are_found_and_taken_out() {
        assert_eq!(taken("/events?topic=a", &[]), (Credentials::None, "/events?topic=a".into(), vec![]));
        assert_eq!(taken("/", &[("authorization", "bearer x.y.z")]).0, token("x.y.z"));
        assert_eq!(
            taken("/events?topic=a&token=x%2Ey&topic=b", &[]),
            (token("x.y"), "/events?topic=a&topic=b".into(), vec![])
        );
        assert_eq!(taken("/ws?token=x", &[]), (token("x"), "/ws".into(), vec![]));
        assert_eq!(
            taken(
                "/ws",
                &[
                    ("sec-websocket-protocol", "alk-pubsub.v1.json, bearer.x.y"),
                    ("sec-websocket-protocol", "z")
                ]
            ),
            (token("x.y"), "/ws".into(), vec!["alk-pubsub.v1.json".into(), "z".into()])
        );
        assert_eq!(taken("/?tokens=x", &[]), (Credentials::None, "/?tokens=x".into(), vec![]));
    }

    #[test]
    fn those_that_differ_conflict() {
        let (authorization, protocol) =
            (("authorization", "Bearer x"), ("sec-websocket-protocol", "bearer.x"));
        assert_eq!(taken("/?token=x", &[authorization, protocol]).0, token("x"));
        assert_eq!(taken("/?token=y", &[authorization]).0, Credentials::Conflicting);
        assert_eq!(taken("/?token=y", &[protocol]).0, Credentials::Conflicting);
        assert_eq!(taken("/?token=x&token=", &[]).0, Credentials::Conflicting);
        assert_eq!(taken("/?token=x", &[("authorization", "Basic x")]).0, Credentials::Conflicting);
        assert_eq!(taken("/", &[("authorization", "Basic x")]).0, Credentials::Other);
    }
}
