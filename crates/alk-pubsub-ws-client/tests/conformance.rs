//! A hub's target keeps what is promised when it is seen through WebSockets.

mod support;

use std::sync::Arc;

use alk_pubsub_core::{EventTarget, InProcessEventTarget};
use alk_pubsub_redis::RedisEventTarget;
use alk_pubsub_testkit::redis::Server;
use alk_pubsub_testkit::{Capabilities, Faults, Making, Proxy, Schedule, Space, TargetFactory, conformance};
use alk_pubsub_ws_client::WsClientEventTarget;
use alk_pubsub_ws_server::{Limits, WsServerEventTarget};
use support::Hub;

/// What a hub takes, less what stands around an event that is published with a reference.
const MAX_EVENT_BYTES: usize = (64 << 10) - 64;

fn hub() -> Hub {
    hub_of(InProcessEventTarget::in_process())
}

fn hub_of(target: impl EventTarget + Clone) -> Hub {
    Hub::serve(([127, 0, 0, 1], 0).into(), || {
        // Checks subscribe to hundreds of topics.
        let mut limits = Limits::default();
        limits.max_topics = 10_000;
        WsServerEventTarget::builder(target).limits(limits).build()
    })
}

struct Network(Proxy);

impl Faults for Network {
    fn disconnect(&self) -> Making<'_, ()> {
        self.0.down();
        Box::pin(async {})
    }

    fn reconnect(&self) -> Making<'_, ()> {
        self.0.up();
        Box::pin(async {})
    }
}

/// Two spokes of one hub.
struct Spokes;

impl TargetFactory for Spokes {
    fn name(&self) -> &'static str {
        "WebSocket client and server, over in process"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().encodes().interests().max_event_bytes(MAX_EVENT_BYTES).outages()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let hub = hub();
            let publisher = hub.spoke().await;
            let proxy = Proxy::start(hub.address, Schedule::none()).await.expect("a port");
            let subscriber = WsClientEventTarget::connect(format!("ws://{}/ws", proxy.address()));
            let subscriber = subscriber.await.expect("connected");
            Space::pair(Arc::new(publisher), Arc::new(subscriber)).with_faults(Network(proxy)).keeping(hub)
        })
    }
}

/// What is published at the hub itself, heard by a spoke of a hub that is a spoke of it.
struct Tree;

impl TargetFactory for Tree {
    fn name(&self) -> &'static str {
        "a tree of hubs"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().interests()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let root = hub();
            let uplink = root.builder().connect().await.expect("connected");
            let branch = hub_of(uplink);
            let leaf = branch.spoke().await;
            Space::pair(Arc::new(root.server.clone()), Arc::new(leaf)).keeping((root, branch))
        })
    }
}

/// Spokes of two hubs that have nothing in common but a Redis server.
struct OverRedis;

impl TargetFactory for OverRedis {
    fn name(&self) -> &'static str {
        "WebSocket client and server, over Redis"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().encodes().interests().max_event_bytes(MAX_EVENT_BYTES).outages()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let server = tokio::task::spawn_blocking(|| Server::start(&[])).await.expect("a server");
            let member =
                || async { RedisEventTarget::builder(server.url()).connect().await.expect("connected") };
            let (one, two) = (hub_of(member().await), hub_of(member().await));
            let publisher = one.spoke().await;
            let proxy = Proxy::start(two.address, Schedule::none()).await.expect("a port");
            let subscriber = WsClientEventTarget::connect(format!("ws://{}/ws", proxy.address()));
            let subscriber = subscriber.await.expect("connected");
            Space::pair(Arc::new(publisher), Arc::new(subscriber))
                .with_faults(Network(proxy))
                .keeping((one, two, server))
        })
    }
}

conformance!(spokes, Spokes);

conformance!(over_redis, OverRedis);
conformance!(tree, Tree);
