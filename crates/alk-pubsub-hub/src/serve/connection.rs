//! One connection, from its first byte to its last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alk_pubsub::sse::{HangUp, PublishRate};
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use super::line::Line;
use super::refusal::Refusal;
use super::seats::Seat;
use super::socket::{Places, Socket, Stream};

/// How long a draining hub waits for the first request of a connection that is there already.
const UNUSED: Duration = Duration::from_millis(500);
/// How large the head of a request may be, how much of a body is read ahead, and how much of an answer is kept for writing.
const BUFFER: usize = 16 << 10;
/// How many headers a request may have.
const MAX_HEADERS: usize = 100;

/// What a connection is made of beside its socket.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) seat: Seat,
    pub(super) rate: Option<PublishRate>,
    pub(super) hub: Arc<Hub>,
    pub(super) tls: Option<TlsAcceptor>,
    /// How long a TLS handshake and the head of a request may take, and how long a connection may stay without either.
    pub(super) handshake_timeout: Duration,
    pub(super) router: Router,
    /// After its present request it is to end.
    pub(super) draining: CancellationToken,
    /// It is to end now.
    pub(super) cut: CancellationToken,
}

impl Connection {
    /// Serves requests until the connection ends or has become a WebSocket.
    pub(super) async fn run(mut self, stream: TcpStream, places: Places) {
        let stream = match self.tls.take() {
            None => Stream::Plain(stream),
            Some(tls) => match self.handshake(tls, stream).await {
                Some(stream) => Stream::Tls(stream),
                None => return,
            },
        };
        let Self { peer, seat, rate, hub, router, handshake_timeout, draining, cut, .. } = self;
        let line = Arc::new(Line::default());
        let socket = Socket::new(stream, line.clone(), seat.clone(), places);
        let router = TowerToHyperService::new(router);
        let used = Arc::new(AtomicBool::new(false));
        let service = {
            let (used, line) = (used.clone(), line.clone());
            service_fn(move |mut request: Request<_>| {
                used.store(true, Ordering::Relaxed);
                // What the last request had is over.
                seat.leave();
                let extensions = request.extensions_mut();
                extensions.insert(ConnectInfo(peer));
                extensions.insert(seat.clone());
                let (number, line) = (line.request(), line.clone());
                extensions.insert(HangUp::new(move || line.hang_up(number)));
                if let Some(rate) = &rate {
                    extensions.insert(rate.clone());
                }
                router.call(request)
            })
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(handshake_timeout)
            .max_buf_size(BUFFER)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = line.hung_up() => {
                tracing::debug!(%peer, "a client has not taken the end of its stream; cut");
                return;
            }
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
            // One that has asked for something and then nothing more is not slow.
            if error.is_timeout() && !used.load(Ordering::Relaxed) {
                hub.refusals.count(Refusal::TooSlow);
            }
            // A client that breaks off, or speaks no HTTP: nothing that the hub could do better.
            tracing::debug!(%peer, %error, "a connection ended badly");
        }
    }

    /// Who is in the middle of it when the hub drains has as long as who has not asked for anything yet.
    async fn handshake(&self, tls: TlsAcceptor, stream: TcpStream) -> Option<Box<TlsStream<TcpStream>>> {
        let handshake = timeout(self.handshake_timeout, tls.accept(stream));
        let drained = async {
            self.draining.cancelled().await;
            sleep(UNUSED).await;
        };
        let failed = tokio::select! {
            shaken = handshake => match shaken {
                Ok(Ok(stream)) => return Some(Box::new(stream)),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it took too long".to_owned(),
            },
            () = drained => return None,
        };
        self.hub.refusals.count(Refusal::NoHandshake);
        tracing::debug!(peer = %self.peer, error = failed, "no TLS handshake");
        None
    }
}
