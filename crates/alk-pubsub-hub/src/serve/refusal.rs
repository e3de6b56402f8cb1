use std::sync::atomic::{AtomicU64, Ordering};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// After how many seconds a client may come again for which there was no seat.
const RETRY_AFTER: &str = "5";

/// What the hub itself refuses, before anything else has seen the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All seats are taken.
    Full,
    /// It is shutting down.
    Draining,
    /// One address has as many sockets as it may have.
    AddressFull,
    /// It was too slow with the head of a request.
    TooSlow,
    /// There was no TLS handshake, or not in time.
    NoHandshake,
    /// Of a header that is unique there are several.
    Ambiguous,
    /// A web page of somewhere else.
    ForeignOrigin,
    /// A web page of somewhere else whose name was made to resolve to this machine.
    ForeignHost,
    /// It has several tokens that differ.
    ConflictingTokens,
    /// It has no token.
    NoToken,
    /// Its token is no good.
    BadToken,
    /// Its token is not for that.
    NotAdmin,
    /// There is nothing at this path.
    NoSuchPath,
}

impl Refusal {
    pub(crate) const ALL: [Self; 13] = [
        Self::Full,
        Self::Draining,
        Self::AddressFull,
        Self::TooSlow,
        Self::NoHandshake,
        Self::Ambiguous,
        Self::ForeignOrigin,
        Self::ForeignHost,
        Self::ConflictingTokens,
        Self::NoToken,
        Self::BadToken,
        Self::NotAdmin,
        Self::NoSuchPath,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "too_many_connections",
            Self::Draining => "shutting_down",
            Self::AddressFull => "too_many_connections_of_address",
            Self::TooSlow => "too_slow",
            Self::NoHandshake => "tls_handshake",
            Self::Ambiguous => "ambiguous_request",
            Self::ForeignOrigin => "foreign_origin",
            Self::ForeignHost => "foreign_host",
            Self::ConflictingTokens => "conflicting_tokens",
            Self::NoToken => "no_token",
            Self::BadToken => "invalid_token",
            Self::NotAdmin => "forbidden",
            Self::NoSuchPath => "not_found",
        }
    }

    fn status_and_detail(self) -> (StatusCode, &'static str) {
        match self {
            Self::Full => (
                StatusCode::SERVICE_UNAVAILABLE,
                "there are as many clients as this hub takes; try again in a moment",
            ),
            Self::Draining => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the hub is shutting down; try another, or again in a moment",
            ),
            Self::AddressFull => (
                StatusCode::SERVICE_UNAVAILABLE,
                "your address has as many connections as one may have; close some, or try again in a moment",
            ),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the request did not come in time"),
            Self::NoHandshake => (StatusCode::BAD_REQUEST, "there was no TLS handshake"),
            Self::Ambiguous => (
                StatusCode::BAD_REQUEST,
                "a request names its host once; who asks, its origin and its media type at most once",
            ),
            Self::ForeignOrigin => (
                StatusCode::FORBIDDEN,
                "the hub is not open to pages of this origin; `--allow-origin` names those that it is open to",
            ),
            Self::ForeignHost => (
                StatusCode::FORBIDDEN,
                "the hub is not open to pages of a host of this name; `--allow-origin` with its origin says that it is",
            ),
            Self::ConflictingTokens => {
                (StatusCode::BAD_REQUEST, "the request has several tokens that differ")
            }
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "this hub asks for a token: as `Authorization: Bearer …`, for a WebSocket of a browser as the subprotocol \
                 `bearer.…` beside `alk-pubsub.v1.json`, for an EventSource as `?token=…`",
            ),
            Self::BadToken => (StatusCode::UNAUTHORIZED, "the token is no good"),
            Self::NotAdmin => (
                StatusCode::FORBIDDEN,
                "the numbers are for tokens with the scope `admin`, and for this machine",
            ),
            Self::NoSuchPath => (
                StatusCode::NOT_FOUND,
                "there is nothing here; try /, /ws, /events, /stats, /metrics, /healthz or /readyz",
            ),
        }
    }
}

/// How often each was refused.
#[derive(Debug, Default)]
pub(crate) struct Refusals([AtomicU64; Refusal::ALL.len()]);

impl Refusals {
    /// Counts a refusal of somebody who cannot be answered.
    pub(super) fn count(&self, refusal: Refusal) {
        self.0[refusal as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refusal and answers with it, as problem details (RFC 9457).
    pub(crate) fn refuse(&self, refusal: Refusal) -> Response {
        self.refuse_with(refusal, refusal.status_and_detail().1)
    }

    /// Refuses a token, with what is wrong with it.
    pub(crate) fn refuse_token(&self, detail: &str) -> Response {
        self.refuse_with(Refusal::BadToken, detail)
    }

    fn refuse_with(&self, refusal: Refusal, detail: &str) -> Response {
        self.count(refusal);
        let (status, _) = refusal.status_and_detail();
        let body = json!({
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": detail,
            "code": refusal.as_str(),
        });
        let mut response = (status, format!("{body}\n")).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        if status == StatusCode::UNAUTHORIZED {
            let error = if refusal == Refusal::BadToken { ", error=\"invalid_token\"" } else { "" };
            let challenge = format!("Bearer realm=\"alk-hub\"{error}");
            headers.extend(
                HeaderValue::try_from(challenge).map(|challenge| (header::WWW_AUTHENTICATE, challenge)),
            );
        }
        response
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL
            .into_iter()
            .zip(&self.0)
            .map(|(refusal, count)| (refusal.as_str(), count.load(Ordering::Relaxed)))
    }
}
