//! Who is let through to a stream.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, Version, header};

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

/// Nothing that a proxy in front of the hub may have understood in another way.
pub(super) async fn unambiguous(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    if is_ambiguous(request.version(), request.headers()) {
        return hub.refusals.refuse(Refusal::Ambiguous);
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

fn is_ambiguous(version: Version, headers: &HeaderMap) -> bool {
    let count = |name| headers.get_all(name).iter().count();
    let no_host = version == Version::HTTP_11 && count(header::HOST) == 0;
    let several = [header::HOST, header::AUTHORIZATION, header::ORIGIN, header::CONTENT_TYPE];
    // Two lengths that differ, and chunks beside a length, are looked at before it comes here.
    no_host || several.into_iter().any(|name| count(name) > 1)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, Version};

    use super::is_ambiguous;

    #[test]
    fn what_is_said_twice_is_ambiguous() {
        for (lines, ambiguous) in [
            (&[("host", "a"), ("accept", "a"), ("accept", "b")][..], false),
            (&[("host", "a"), ("content-length", "3")], false),
            (&[("host", "a"), ("transfer-encoding", "chunked")], false),
            (&[("host", "a"), ("host", "a")], true),
            (&[("host", "a"), ("host", "b")], true),
            (&[("accept", "a")], true),
            (&[("host", "a"), ("authorization", "Bearer a"), ("authorization", "Bearer b")], true),
            (&[("host", "a"), ("origin", "http://a"), ("origin", "http://b")], true),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(is_ambiguous(Version::HTTP_11, &headers), ambiguous, "{lines:?}");
        }
        assert!(!is_ambiguous(Version::HTTP_10, &HeaderMap::new()), "an old client names no host");
    }
}
