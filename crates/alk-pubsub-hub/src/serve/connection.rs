//! One connection, from its first byte to its last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alk_pubsub::sse::PublishRate;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::seats::Seat;
use super::socket::Socket;

/// How long the head of a request may take, and how long a connection may stay without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a draining hub waits for the first request of a connection that is there already.
const UNUSED: Duration = Duration::from_millis(500);
/// How much of a request is read ahead, and how much of an answer is kept for writing.
const BUFFER: usize = 64 << 10;

/// What a connection is made of beside its socket.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) seat: Seat,
    pub(super) rate: Option<PublishRate>,
    pub(super) router: Router,
    /// After its present request it is to end.
    pub(super) draining: CancellationToken,
    /// It is to end now.
    pub(super) cut: CancellationToken,
}

impl Connection {
    /// Serves requests until the connection ends or has become a WebSocket.
    pub(super) async fn run(self, socket: Socket) {
        let Self { peer, seat, rate, router, draining, cut } = self;
        let router = TowerToHyperService::new(router);
        let used = Arc::new(AtomicBool::new(false));
        let service = {
            let used = used.clone();
            service_fn(move |mut request: Request<_>| {
                used.store(true, Ordering::Relaxed);
                // What the last request had is over.
                seat.leave();
                let extensions = request.extensions_mut();
                extensions.insert(ConnectInfo(peer));
                extensions.insert(seat.clone());
                if let Some(rate) = &rate {
                    extensions.insert(rate.clone());
                }
                router.call(request)
            })
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = draining.cancelled() => {
                // Who has just connected is about to ask for something, and is told that it is too late for that.
                let unused = !used.load(Ordering::Relaxed);
                let early = if unused { timeout(UNUSED, connection.as_mut()).await.ok() } else { None };
                match early {
                    Some(ended) => ended,
                    None => {
                        connection.as_mut().graceful_shutdown();
                        tokio::select! {
                            ended = connection => ended,
                            () = cut.cancelled() => return,
                        }
                    }
                }
            }
        };
        if let Err(error) = ended {
            // A client that breaks off, or speaks no HTTP: nothing that the hub could do better.
            tracing::debug!(%peer, %error, "a connection ended badly");
        }
    }
}
