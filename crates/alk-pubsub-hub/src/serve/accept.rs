//! Takes connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::hub::Hub;
use super::seats::Seat;
use super::socket::Socket;

/// How long to wait where the system has no room for another socket.
const PAUSE: Duration = Duration::from_millis(100);

/// The loop that takes connections, and all that it has taken.
pub(super) struct Acceptor {
    pub(super) hub: Arc<Hub>,
    pub(super) router: Router,
    /// Connections that were there when the draining began, and are waited for.
    pub(super) clients: TaskTracker,
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
                        let seat = Seat::none();
                        let socket = Socket::new(stream, seat.clone(), place);
                        self.spawn(socket, seat, peer);
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

    fn spawn(&self, socket: Socket, seat: Seat, peer: std::net::SocketAddr) {
        let draining = self.hub.draining.is_cancelled();
        let connection = Connection {
            peer,
            seat,
            rate: self.hub.publish_rate(),
            router: self.router.clone(),
            draining: if draining { self.cut.clone() } else { self.hub.draining.clone() },
            cut: self.cut.clone(),
        };
        if draining {
            // It sees nothing but refusals and numbers, and ends with the cut: nobody waits for it.
            tokio::spawn(connection.run(socket));
        } else {
            self.clients.spawn(connection.run(socket));
        }
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
