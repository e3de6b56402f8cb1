//! A hub on a port of its own that can be killed, and what it takes to talk to it.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alk_pubsub_core::{Delivery, Dynamic, InProcessEventTarget, PubSub, Subscription, WithGaps};
use alk_pubsub_ws_client::{WsClientBuilder, WsClientEventTarget};
use alk_pubsub_ws_server::WsServerEventTarget;
use axum::serve::ListenerExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A backstop; nothing here takes long.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within {DEADLINE:?}"),
    }
}

/// A hub with a runtime of its own, so that it can die as a process does: at once, with all its connections.
pub struct Hub {
    pub server: WsServerEventTarget,
    pub address: SocketAddr,
    /// When somebody connected.
    pub accepted: Arc<Mutex<Vec<Instant>>>,
    runtime: Option<Runtime>,
}

impl Hub {
    pub fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into())
    }

    pub fn start_at(address: SocketAddr) -> Self {
        Self::serve(address, || WsServerEventTarget::new(InProcessEventTarget::in_process()))
    }

    pub fn serve(address: SocketAddr, server: impl FnOnce() -> WsServerEventTarget) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = std::net::TcpListener::bind(address).expect("the port is free");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a socket");
        let server = {
            let _inside = runtime.enter();
            server()
        };
        let app = axum::Router::new().route("/ws", server.handler());
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let log = accepted.clone();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let listener = listener.tap_io(move |socket| {
                log.lock().expect("no panic").push(Instant::now());
                socket.set_nodelay(true).expect("a socket");
            });
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
        });
        Self { server, address, accepted, runtime: Some(runtime) }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    pub fn pubsub(&self) -> PubSub<Dynamic> {
        PubSub::new(self.server.clone())
    }

    pub fn builder(&self) -> WsClientBuilder {
        WsClientEventTarget::builder(self.url())
    }

    pub async fn spoke(&self) -> WsClientEventTarget {
        in_time("connected", self.builder().connect()).await.expect("connected")
    }

    pub fn kill(mut self) -> SocketAddr {
        let address = self.address;
        if let Some(runtime) = self.runtime.take() {
            // Sockets are closed when this returns.
            let killed = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10)));
            killed.join().expect("no panic");
        }
        address
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub async fn next(subscription: &mut Subscription<Value>) -> Value {
    in_time("an event", subscription.recv()).await.expect("open").payload().clone()
}

/// All that a subscription has had, up to an event with this payload; gaps by their reasons.
pub async fn until(subscription: &mut WithGaps<Value>, last: &Value) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        match in_time("the last event", subscription.recv()).await.expect("open") {
            Delivery::Event(event) if event.payload() == last => return seen,
            Delivery::Event(event) => seen.push(event.payload().clone()),
            Delivery::Gap(gap) => seen.push(json!(gap.reason().as_str())),
        }
    }
}
