//! A hub's target keeps what is promised when it is seen through WebSockets.

mod support;

use std::sync::Arc;

use alk_pubsub_core::InProcessEventTarget;
use alk_pubsub_testkit::{Capabilities, Faults, Making, Proxy, Schedule, Space, TargetFactory, conformance};
use alk_pubsub_ws_client::WsClientEventTarget;
use alk_pubsub_ws_server::{Limits, WsServerEventTarget};
use support::Hub;

/// What a hub takes, less what stands around an event that is published with a reference.
const MAX_EVENT_BYTES: usize = (64 << 10) - 64;

fn hub() -> Hub {
    Hub::serve(([127, 0, 0, 1], 0).into(), || {
        // Checks subscribe to hundreds of topics.
        let mut limits = Limits::default();
        limits.max_topics = 10_000;
        WsServerEventTarget::builder(InProcessEventTarget::in_process()).limits(limits).build()
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
            let branch = Hub::serve(([127, 0, 0, 1], 0).into(), || {
                let mut limits = Limits::default();
                limits.max_topics = 10_000;
                WsServerEventTarget::builder(uplink).limits(limits).build()
            });
            let leaf = branch.spoke().await;
            Space::pair(Arc::new(root.server.clone()), Arc::new(leaf)).keeping((root, branch))
        })
    }
}

conformance!(spokes, Spokes);
conformance!(tree, Tree);
