use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use crate::serve::Hub;

/// Alive, which it is if it answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether to send it clients.
pub(crate) async fn readyz(State(hub): State<Arc<Hub>>) -> (StatusCode, &'static str) {
    if hub.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "draining\n") }
}
