//! Refusals as problem details (RFC 9457).

use std::time::Duration;

use alk_pubsub_core::{Error, ErrorKind};
use alk_pubsub_link::{Denied, ErrorCode};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

/// After what time a client may try again that met a hub which cannot answer now.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How to authenticate, which a refusal with status 401 has to say.
const INVALID_TOKEN: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");

/// What was wrong: the error codes of the wire protocol, and those that only HTTP has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    BadFrame,
    BadTopic,
    ReservedType,
    Forbidden,
    TooManyTopics,
    TooLarge,
    Unavailable,
    MediaType,
    TooSlow,
    Expired,
}

impl Code {
    pub(crate) const ALL: [Self; 10] = [
        Self::BadFrame,
        Self::BadTopic,
        Self::ReservedType,
        Self::Forbidden,
        Self::TooManyTopics,
        Self::TooLarge,
        Self::Unavailable,
        Self::MediaType,
        Self::TooSlow,
        Self::Expired,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::BadTopic => "bad_topic",
            Self::ReservedType => "reserved_type",
            Self::Forbidden => "forbidden",
            Self::TooManyTopics => "too_many_topics",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::MediaType => "unsupported_media_type",
            Self::TooSlow => "too_slow",
            Self::Expired => "expired",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadFrame | Self::BadTopic | Self::ReservedType | Self::TooManyTopics => {
                StatusCode::BAD_REQUEST
            }
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Expired => StatusCode::UNAUTHORIZED,
        }
    }
}

impl From<ErrorKind> for Code {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidTopic => Self::BadTopic,
            ErrorKind::ReservedType => Self::ReservedType,
            ErrorKind::Encode | ErrorKind::Decode => Self::BadFrame,
            ErrorKind::TooLarge => Self::TooLarge,
            ErrorKind::Denied | ErrorKind::Unsupported => Self::Forbidden,
            ErrorKind::LimitExceeded => Self::TooManyTopics,
            // What is left can be different the next time.
            _ => Self::Unavailable,
        }
    }
}

/// A refused request.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    members: Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), members: Map::new() }
    }

    pub(crate) fn shutting_down() -> Self {
        Self::new(Code::Unavailable, "the server is shutting down; try another, or again in a moment")
    }

    /// With another member, that says more precisely what was wrong.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The same problem, with this topic.
    pub(crate) fn of_topic(mut self, topic: String) -> Self {
        self.detail = format!("topic `{topic}`: {}", self.detail);
        self.with("topic", topic)
    }

    /// The same problem, of this line of many.
    pub(crate) fn on_line(mut self, line: u64) -> Self {
        self.detail = format!("line {line}: {}", self.detail);
        self.with("line", line)
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        Self::new(error.kind().into(), detail)
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let code = match denied.code() {
            ErrorCode::Expired => Code::Expired,
            ErrorCode::Unavailable => Code::Unavailable,
            _ => Code::Forbidden,
        };
        Self::new(code, denied.reason())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let mut body = Map::new();
        body.insert("title".to_owned(), status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".to_owned(), status.as_u16().into());
        body.insert("detail".to_owned(), self.detail.into());
        body.insert("code".to_owned(), self.code.as_str().into());
        body.extend(self.members);
        let mut response = (status, format!("{}\n", Value::Object(body))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, INVALID_TOKEN);
        }
        response
    }
}
