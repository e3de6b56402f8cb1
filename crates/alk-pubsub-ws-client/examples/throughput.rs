//! How fast events go from one spoke through a hub to another: `cargo run --release --example throughput [EVENTS]`.

#![allow(clippy::print_stdout, reason = "it is what the example is for")]

use std::error::Error;
use std::time::Instant;

use alk_pubsub_core::{Bounds, Dynamic, ErrorKind, InProcessEventTarget, PubSub};
use alk_pubsub_ws_client::WsClientEventTarget;
use alk_pubsub_ws_server::{Limits, WsServerEventTarget};
use axum::serve::ListenerExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let events: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |events| events.parse())?;
    let mut limits = Limits::default();
    limits.queue = Bounds::default().events(events as usize).bytes(1 << 30);
    let hub = WsServerEventTarget::builder(InProcessEventTarget::in_process()).limits(limits).build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/ws", listener.local_addr()?);
    let app = axum::Router::new().route("/ws", hub.handler());
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let publisher = PubSub::<Dynamic>::new(WsClientEventTarget::connect(&url).await?);
    let subscriber = PubSub::<Dynamic>::new(WsClientEventTarget::connect(&url).await?);
    let bounds = Bounds::default().events(events as usize).bytes(1 << 30);
    let mut subscription = subscriber.subscribe("n").bounds(bounds).await?;

    let started = Instant::now();
    let publishing = tokio::spawn(async move {
        for n in 0..events {
            while let Err(error) = publisher.try_publish("n", "all", n.into()) {
                if error.kind() != ErrorKind::WouldBlock {
                    return Err(error);
                }
                // There is room when the hub has taken something.
                tokio::task::yield_now().await;
            }
        }
        publisher.close().await
    });
    for n in 0..events {
        let event = subscription.recv().await.ok_or("the subscription has ended")?;
        assert_eq!(event.payload().as_u64(), Some(n), "complete and in order");
    }
    let took = started.elapsed();
    publishing.await??;
    println!("{events} events in {took:?}: {:.0} a second", events as f64 / took.as_secs_f64());
    Ok(())
}
