//! A server over a target, and a client that knows no more of HTTP than what it reads here.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http;

use std::net::SocketAddr;

use alk_pubsub_core::{Encoding, Event, EventTarget, Topic};
use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

pub(crate) use self::http::{Client, PATIENCE};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, task: tokio::spawn(axum::serve(listener, app).into_future()) }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// A client whose system holds little of what it has not read.
    pub(crate) async fn connect_with_little_room(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Client::new(socket.connect(self.address).await.unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn event(topic: &str, payload: impl serde::Serialize + Send + Sync) -> Event {
    let topic: Topic = topic.parse().unwrap();
    Event::from_encoded(Encoding::JSON, Encoding::JSON.encode(&topic, &payload).unwrap()).unwrap()
}

pub(crate) async fn dispatch(
    target: &impl EventTarget,
    topic: &str,
    payload: impl serde::Serialize + Send + Sync,
) {
    target.dispatch_event(event(topic, payload)).await.unwrap();
}

/// Waits for something that no message announces.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"));
}
