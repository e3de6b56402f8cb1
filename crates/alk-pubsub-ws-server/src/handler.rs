use std::net::SocketAddr;

use alk_pubsub_link::{Denied, ErrorCode, Identity};
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::connection::WsConnection;
use crate::handshake::{Handshake, Rejection};
use crate::hub::{Hub, Listed};
use crate::target::WsServerEventTarget;

/// After how many seconds somebody who was turned away may come again.
const RETRY_AFTER_SECONDS: &str = "5";

impl WsServerEventTarget {
    /// The handler of the endpoint that spokes connect to, for [`axum::Router::route`].
    ///
    /// Requests that are no upgrade get a `4xx` that says what is missing; when the hub is full, or shuts down, `503` with
    /// `Retry-After`. Of the request's extensions, [`ConnectInfo<SocketAddr>`](ConnectInfo) becomes the connection's
    /// [`peer`](alk_pubsub_link::ConnectionInfo::peer), and an [`Identity`] says who it is: authentication is done by a layer in
    /// front of the handler, which puts it there.
    pub fn handler<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        let hub = self.clone();
        any(move |request: Request| async move { hub.upgrade(request).await })
    }

    async fn upgrade(&self, mut request: Request) -> Response {
        let handshake = match Handshake::check(request.method(), request.headers()) {
            Ok(handshake) => handshake,
            Err(rejection) => return rejection.into_response(),
        };
        let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
            return Rejection::NoUpgrade.into_response();
        };
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        let identity = request.extensions().get::<Identity>().cloned().unwrap_or_default();
        let connection = WsConnection::new(self.0.new_info(peer, identity), &self.0);
        // From here on it is told what others are: whoever is sent away while the authorizer thinks about it is sent away.
        let listed = Listed::new(self.0.clone(), connection);
        if let Err(denied) = self.0.authorizer.connect(listed.connection.info()).await {
            return denied_response(&denied);
        }
        let Some(place) = self.0.place() else {
            return come_again("the hub takes no more connections now");
        };
        let wire = handshake.wire();
        self.0.tasks.spawn(async move {
            match upgrade.await {
                Ok(upgraded) => Hub::serve(TokioIo::new(upgraded), wire, listed, place),
                Err(error) => tracing::debug!(%error, "a WebSocket upgrade was not completed"),
            }
        });
        handshake.response()
    }
}

fn denied_response(denied: &Denied) -> Response {
    let reason = denied.reason().to_owned();
    match denied.code() {
        ErrorCode::Unavailable => come_again(reason),
        ErrorCode::Expired => (StatusCode::UNAUTHORIZED, reason).into_response(),
        _ => (StatusCode::FORBIDDEN, reason).into_response(),
    }
}

fn come_again(reason: impl IntoResponse) -> Response {
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, reason).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    response
}
