use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::connection::WsConnection;
use crate::handshake::{Handshake, Rejection};
use crate::target::WsServerEventTarget;

/// After how many seconds somebody who was turned away may come again.
const RETRY_AFTER_SECONDS: &str = "5";

impl WsServerEventTarget {
    /// The handler of the endpoint that spokes connect to, for [`axum::Router::route`].
    ///
    /// Requests that are no upgrade get a `4xx` that says what is missing; when the hub is full, or shuts down, `503` with
    /// `Retry-After`. A [`ConnectInfo<SocketAddr>`](ConnectInfo) of the request becomes the connection's
    /// [`peer`](alk_pubsub_link::ConnectionInfo::peer).
    pub fn handler<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        let hub = self.clone();
        any(move |request: Request| async move { hub.upgrade(request) })
    }

    fn upgrade(&self, mut request: Request) -> Response {
        let handshake = match Handshake::check(request.method(), request.headers()) {
            Ok(handshake) => handshake,
            Err(rejection) => return rejection.into_response(),
        };
        let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
            return Rejection::NoUpgrade.into_response();
        };
        let Some(place) = self.0.place() else {
            let full = (StatusCode::SERVICE_UNAVAILABLE, "the hub takes no more connections now");
            let mut response = full.into_response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            return response;
        };
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        let connection = WsConnection::new(self.0.new_info(peer), &self.0);
        let (hub, wire) = (self.0.clone(), handshake.wire());
        self.0.tasks.spawn(async move {
            match upgrade.await {
                Ok(upgraded) => hub.run(TokioIo::new(upgraded), wire, connection, place).await,
                Err(error) => tracing::debug!(%error, "a WebSocket upgrade was not completed"),
            }
        });
        handshake.response()
    }
}
