//! Takes connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::addresses::Addresses;
use super::connection::Connection;
use super::hub::Hub;
use super::refusal::Refusal;
use super::seats::{Seat, SocketPlace};
use super::socket::{Places, prepare};
use super::tls::Tls;

/// How long to wait where the system has no room for another socket.
const PAUSE: Duration = Duration::from_millis(100);

/// What an address hears that has too many connections already, whatever it wants.
const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
    Content-Type: text/plain\r\nContent-Length: 42\r\n\r\nyour address has too many connections now\n";

/// The loop that takes connections, and all that it has taken.
pub(super) struct Acceptor {
    pub(super) hub: Arc<Hub>,
    pub(super) router: Router,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) addresses: Arc<Addresses>,
    pub(super) handshake_timeout: Duration,
    /// Connections that were there when the draining began, and are waited for.
    pub(super) clients: TaskTracker,
    /// Whether it was logged that an address has too many.
    pub(super) turned_away: AtomicBool,
    /// Every connection is to end now, and nobody is taken any more.
    pub(super) cut: CancellationToken,
}

impl Acceptor {
    /// Takes connections until the cut. While the hub drains, too: what watches it would otherwise learn nothing but that
    /// it is gone.
    pub(super) async fn run(self, listener: TcpListener) {
        let mut failing = false;
        let cut = self.cut.clone();
        let accept = async {
            loop {
                let place = self.hub.seats.socket().await;
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        failing = false;
                        self.take(stream, peer, place);
                    }
                    Err(error) if of_one_connection(&error) => {}
                    Err(error) => {
                        if !std::mem::replace(&mut failing, true) {
                            tracing::error!(%error, "cannot take connections; trying again");
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        cut.run_until_cancelled(accept).await;
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr, place: SocketPlace) {
        let Some(of_address) = self.addresses.place(peer.ip()) else {
            self.turn_away(&stream, peer);
            return;
        };
        let places = Places { _of_hub: place, _of_address: of_address };
        prepare(&stream);
        let draining = self.hub.draining.is_cancelled();
        let connection = Connection {
            peer,
            seat: Seat::none(),
            rate: self.hub.publish_rate(),
            hub: self.hub.clone(),
            tls: self.tls.as_ref().map(|tls| tls.acceptor()),
            handshake_timeout: self.handshake_timeout,
            router: self.router.clone(),
            clients: (!draining).then(|| self.clients.clone()),
            draining: if draining { self.cut.clone() } else { self.hub.draining.clone() },
            cut: self.cut.clone(),
        };
        if draining {
            // It sees nothing but refusals and numbers, and ends with the cut: nobody waits for it.
            tokio::spawn(connection.run(stream, places));
        } else {
            self.clients.spawn(connection.run(stream, places));
        }
    }
}

impl Acceptor {
    /// There may be very many of them, so they cost as little as can be: an answer as far as the system takes it at once.
    fn turn_away(&self, stream: &TcpStream, peer: SocketAddr) {
        self.hub.refusals.count(Refusal::AddressFull);
        if !self.turned_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                address = %peer.ip(),
                "an address has as many connections as one may have; `--max-connections-per-address` says how many. \
                 This is logged once and counted always"
            );
        }
        if self.tls.is_none() {
            let _ = stream.try_write(TURNED_AWAY);
        }
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
