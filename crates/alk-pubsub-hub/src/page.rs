//! The page at `/`.

use axum::response::{Html, IntoResponse};
use http::{HeaderName, header};

const PAGE: &str = include_str!("page.html");

/// The page needs itself and `/stats`, and browsers are told that it gets nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) async fn page() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ];
    (headers, Html(PAGE))
}
