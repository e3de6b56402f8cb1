//! The opening handshake, RFC 6455 section 4.2: what is checked before a request becomes a WebSocket.

use alk_pubsub_link::Wire;
use axum::response::{IntoResponse, Response};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tungstenite::handshake::derive_accept_key;

/// A request that may be upgraded.
#[derive(Debug)]
pub(crate) struct Handshake {
    accept: String,
    /// The subprotocol to answer with. A client that names none gets JSON and no header.
    chosen: Option<Wire>,
}

/// What is wrong with an upgrade request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    Method,
    NoUpgrade,
    Version,
    Key,
}

impl Handshake {
    pub(crate) fn check(method: &Method, headers: &HeaderMap) -> Result<Self, Rejection> {
        if method != Method::GET {
            return Err(Rejection::Method);
        }
        if !has_token(headers, &CONNECTION, "upgrade") || !has_token(headers, &UPGRADE, "websocket") {
            return Err(Rejection::NoUpgrade);
        }
        if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err(Rejection::Version);
        }
        // 16 bytes as base64 are 24 characters.
        let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
        let key = keys.next().filter(|key| key.len() == 24 && keys.next().is_none()).ok_or(Rejection::Key)?;
        let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        let chosen =
            offered.flat_map(|value| value.split(',')).find_map(|name| Wire::from_subprotocol(name.trim()));
        Ok(Self { accept: derive_accept_key(key.as_bytes()), chosen })
    }

    /// The encoding of the connection.
    pub(crate) fn wire(&self) -> Wire {
        self.chosen.unwrap_or_default()
    }

    /// The answer that switches protocols.
    pub(crate) fn response(&self) -> Response {
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(wire) = self.chosen {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(wire.subprotocol()));
        }
        response
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Rejection::Method => (StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is opened with GET"),
            Rejection::NoUpgrade => (
                StatusCode::UPGRADE_REQUIRED,
                "this is a WebSocket endpoint: send `Connection: Upgrade` and `Upgrade: websocket`",
            ),
            Rejection::Version => (StatusCode::UPGRADE_REQUIRED, "only WebSocket version 13 is spoken here"),
            Rejection::Key => {
                (StatusCode::BAD_REQUEST, "`Sec-WebSocket-Key` must be one key of 16 bytes in base64")
            }
        };
        let mut response = (status, message).into_response();
        if status == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    const GOOD: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn the_key_of_rfc_6455_is_answered_as_there() {
        let handshake = Handshake::check(&Method::GET, &headers(&GOOD)).unwrap();
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(handshake.wire(), Wire::Json);
        assert!(!handshake.response().headers().contains_key(SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn the_first_known_subprotocol_is_chosen() {
        let mut headers = headers(&GOOD);
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("chat, alk-pubsub.v1.json"));
        let handshake = Handshake::check(&Method::GET, &headers).unwrap();
        assert_eq!(handshake.response().headers()[SEC_WEBSOCKET_PROTOCOL], "alk-pubsub.v1.json");
    }

    #[test]
    fn each_fault_is_named() {
        let without =
            |name: &str| headers(&GOOD.iter().copied().filter(|(n, _)| *n != name).collect::<Vec<_>>());
        let check = |headers: &HeaderMap| Handshake::check(&Method::GET, headers).unwrap_err();
        assert_eq!(Handshake::check(&Method::POST, &headers(&GOOD)).unwrap_err(), Rejection::Method);
        assert_eq!(check(&without("connection")), Rejection::NoUpgrade);
        assert_eq!(check(&without("upgrade")), Rejection::NoUpgrade);
        assert_eq!(check(&without("sec-websocket-version")), Rejection::Version);
        assert_eq!(check(&without("sec-websocket-key")), Rejection::Key);
        let mut twice = headers(&GOOD);
        twice.append(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(check(&twice), Rejection::Key);
    }
}
