//! Who is let through to a stream.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, header};

use super::hub::Hub;
use super::refusal::Refusal;
use super::seats::Seat;

/// Nobody new while the hub drains.
pub(super) async fn open(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    if hub.draining.is_cancelled() {
        return hub.refusals.refuse(Refusal::Draining);
    }
    next.run(request).await
}

/// Only pages that came from this very host may open WebSockets: browsers let any page try. Programs send no origin.
pub(super) async fn own_origin(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    if is_foreign(request.headers()) {
        return hub.refusals.refuse(Refusal::ForeignOrigin);
    }
    next.run(request).await
}

/// A seat for what lasts.
pub(super) async fn seated(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let seat = request.extensions().get::<Seat>().filter(|_| request.method() == Method::GET).cloned();
    let Some(seat) = seat else { return next.run(request).await };
    if !hub.seats.take(&seat) {
        return hub.refusals.refuse(Refusal::Full);
    }
    let response = next.run(request).await;
    if !matches!(response.status(), StatusCode::OK | StatusCode::SWITCHING_PROTOCOLS) {
        seat.leave();
    }
    response
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    match (origin, host) {
        (Some(origin), Some(host)) => !origin.eq_ignore_ascii_case(host),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::is_foreign;

    #[test]
    fn an_origin_is_foreign_unless_it_is_the_host() {
        for (origin, host, foreign) in [
            (None, Some("a:1"), false),
            (Some("http://a:1"), Some("a:1"), false),
            (Some("https://A.example"), Some("a.example"), false),
            (Some("http://a:1"), Some("a:2"), true),
            (Some("http://b"), Some("a"), true),
            (Some("http://a.evil"), Some("a"), true),
            (Some("null"), Some("a"), true),
            (Some("a"), Some("a"), true),
            (Some("http://a"), None, true),
        ] {
            let mut headers = HeaderMap::new();
            let named = [(header::ORIGIN, origin), (header::HOST, host)];
            headers.extend(
                named.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_static(value?)))),
            );
            assert_eq!(is_foreign(&headers), foreign, "{origin:?} on {host:?}");
        }
    }
}
