use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use crate::serve::{Hub, Readiness};

/// Alive, which it is if it answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether to send it clients.
pub(crate) async fn readyz(State(hub): State<Arc<Hub>>) -> (StatusCode, &'static str) {
    match hub.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n"),
        Readiness::Disconnected => (StatusCode::SERVICE_UNAVAILABLE, "the upstream is not connected\n"),
        Readiness::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}
