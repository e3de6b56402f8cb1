//! One connection, from its first byte to its last.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alk_pubsub::sse::{EventStream, Handover, HangUp, PublishRate};
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use http::{Extensions, StatusCode};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::head::{self, First, MAX_HEAD, MAX_HEADERS};
use super::hub::Hub;
use super::line::Line;
use super::refusal::Refusal;
use super::seats::Seat;
use super::socket::{Places, Socket, Stream};
use super::stream::Serving;

/// How long a draining hub waits for the first request of a connection that is there already.
const UNUSED: Duration = Duration::from_millis(500);
/// How large the head of a request may be, how much of a body is read ahead, and how much of an answer is kept for writing.
const BUFFER: usize = MAX_HEAD;

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
    /// Where it is waited for, if it is.
    pub(super) clients: Option<TaskTracker>,
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
        let line = Arc::new(Line::default());
        let mut socket = Socket::new(stream, line.clone(), self.seat.clone(), places);
        let (mut read, until) = (Vec::new(), Instant::now() + self.handshake_timeout);
        let answered = match self.first(&mut socket, &mut read).await {
            None => return,
            Some(First::Any) => None,
            Some(First::Events(request)) => {
                // In a box, as all that is behind it: few connections need room for everything at once.
                match Box::pin(self.ask(&line, *request, &mut socket, &mut read)).await {
                    None => return,
                    Some((answer, Some(stream))) if answer.status() == StatusCode::OK => {
                        let serving =
                            Serving::new(socket, answer.headers(), stream, self.peer, line, self.cut.clone());
                        // A task of its own, without all that a connection may become.
                        match &self.clients {
                            Some(clients) => clients.spawn(serving),
                            None => tokio::spawn(serving),
                        };
                        return;
                    }
                    Some((answer, _)) => Some(answer),
                }
            }
        };
        socket.read_again(read);
        Box::pin(self.requests(line, socket, answered, until)).await;
    }

    /// What the connection begins with; `None` where it is over before that.
    async fn first(&self, socket: &mut Socket, read: &mut Vec<u8>) -> Option<First> {
        tokio::select! {
            first = timeout(self.handshake_timeout, head::first(socket, read)) => match first {
                Ok(Ok(first)) => Some(first),
                Ok(Err(error)) => {
                    tracing::debug!(peer = %self.peer, %error, "a connection ended before it asked for anything");
                    None
                }
                Err(_) => {
                    self.hub.refusals.count(Refusal::TooSlow);
                    None
                }
            },
            () = self.drained() => None,
        }
    }

    /// The answer to the first request, and the stream if it is one; `None` where the client does not wait for it.
    async fn ask(
        &self,
        line: &Arc<Line>,
        mut request: Request,
        socket: &mut Socket,
        read: &mut Vec<u8>,
    ) -> Option<(Response, Option<EventStream>)> {
        let handover = Handover::default();
        self.introduce(line, request.extensions_mut());
        request.extensions_mut().insert(handover.clone());
        tokio::select! {
            // Also where the client has said already that nothing more comes.
            biased;
            answer = TowerToHyperService::new(self.router.clone()).call(request) => match answer {
                Ok(answer) => Some((answer, handover.take())),
                Err(never) => match never {},
            },
            () = head::gone(socket, read) => None,
            () = self.cut.cancelled() => None,
        }
    }

    /// Tells those who answer a request where it comes from.
    fn introduce(&self, line: &Arc<Line>, extensions: &mut Extensions) {
        // What the last request had is over.
        self.seat.leave();
        extensions.insert(ConnectInfo(self.peer));
        extensions.insert(self.seat.clone());
        let (number, line) = (line.request(), line.clone());
        extensions.insert(HangUp::new(move || line.hang_up(number)));
        if let Some(rate) = &self.rate {
            extensions.insert(rate.clone());
        }
    }

    /// Serves requests of all kinds. The first is to be there at this time; there may be an answer to it already.
    async fn requests(self, line: Arc<Line>, socket: Socket, answered: Option<Response>, until: Instant) {
        let used = AtomicBool::new(false);
        let answered = Mutex::new(answered);
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(|mut request: hyper::Request<_>| {
            used.store(true, Ordering::Relaxed);
            let answer = match answered.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(answer) => Ok(answer),
                None => {
                    self.introduce(&line, request.extensions_mut());
                    Err(router.call(request))
                }
            };
            async {
                match answer {
                    Ok(answer) => Ok(answer),
                    Err(answer) => answer.await,
                }
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.handshake_timeout)
            .max_buf_size(BUFFER)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        // Hyper begins to count when it is given what has come already.
        let too_slow = async {
            sleep_until(until).await;
            if used.load(Ordering::Relaxed) {
                pending::<()>().await;
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = too_slow => return self.hub.refusals.count(Refusal::TooSlow),
            () = self.hung_up(&line) => return,
            () = self.draining.cancelled() => {
                // Who has just connected is about to ask for something, and is told that it is too late for that.
                let unused = !used.load(Ordering::Relaxed);
                let early = if unused { timeout(UNUSED, connection.as_mut()).await.ok() } else { None };
                match early {
                    Some(ended) => ended,
                    None => {
                        connection.as_mut().graceful_shutdown();
                        tokio::select! {
                            ended = connection => ended,
                            () = self.cut.cancelled() => return,
                        }
                    }
                }
            }
        };
        if let Err(error) = ended {
            // One that has asked for something and then nothing more is not slow.
            if error.is_timeout() && !used.load(Ordering::Relaxed) {
                self.hub.refusals.count(Refusal::TooSlow);
            }
            // A client that breaks off, or speaks no HTTP: nothing that the hub could do better.
            tracing::debug!(peer = %self.peer, %error, "a connection ended badly");
        }
    }

    async fn hung_up(&self, line: &Line) {
        line.hung_up().await;
        tracing::debug!(peer = %self.peer, "a client has not taken the end of its stream; cut");
    }

    /// Resolves when the hub drains and whoever has just connected had the time to say something.
    async fn drained(&self) {
        self.draining.cancelled().await;
        sleep(UNUSED).await;
    }

    /// Who is in the middle of it when the hub drains has as long as who has not asked for anything yet.
    async fn handshake(&self, tls: TlsAcceptor, stream: TcpStream) -> Option<Box<TlsStream<TcpStream>>> {
        let handshake = timeout(self.handshake_timeout, tls.accept(stream));
        let failed = tokio::select! {
            shaken = handshake => match shaken {
                Ok(Ok(stream)) => return Some(Box::new(stream)),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it took too long".to_owned(),
            },
            () = self.drained() => return None,
        };
        self.hub.refusals.count(Refusal::NoHandshake);
        tracing::debug!(peer = %self.peer, error = failed, "no TLS handshake");
        None
    }
}
