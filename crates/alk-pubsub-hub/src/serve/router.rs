//! What is at which path.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use super::gate;
use super::hub::Hub;
use super::origins::{self, Origins};
use super::refusal::Refusal;
use crate::{auth, numbers, page};

pub(super) fn router(hub: Arc<Hub>, origins: Origins) -> Router {
    let gate = || from_fn_with_state(hub.clone(), gate::seated);
    let ws = hub.ws.handler().layer(gate());
    let events = hub.sse.handler().layer(gate()).merge(hub.publish.handler());
    let cors = origins.cors();
    let origins = from_fn_with_state((hub.clone(), Arc::new(origins)), origins::check);
    let authenticated = || from_fn_with_state(hub.clone(), auth::authenticated);
    let admin = from_fn_with_state(hub.clone(), auth::admin);
    let router = Router::new()
        .route("/", get(page::page))
        .route("/ws", ws.layer(authenticated()))
        .route("/events", events.layer(authenticated()))
        .fallback(async |hub: axum::extract::State<Arc<Hub>>| hub.refusals.refuse(Refusal::NoSuchPath))
        .layer(from_fn_with_state(hub.clone(), gate::open))
        // Whoever watches the hub is answered to the end.
        .route("/stats", get(numbers::stats).layer(admin.clone()))
        .route("/metrics", get(numbers::metrics).layer(admin))
        .route("/healthz", get(numbers::healthz))
        .route("/readyz", get(numbers::readyz))
        .with_state(hub.clone());
    let router = router.layer(from_fn_with_state(hub.clone(), auth::present));
    // The last that is added looks first.
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(origins).layer(from_fn_with_state(hub, gate::unambiguous))
}
