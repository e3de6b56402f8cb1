//! A hub's target keeps what is promised when it is seen through WebSockets.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alk_pubsub_core::{EventTarget, InProcessEventTarget, Topic};
use alk_pubsub_redis::RedisEventTarget;
use alk_pubsub_testkit::redis::{Cluster, Server};
use alk_pubsub_testkit::{
    Capabilities, Faults, Making, Proxy, Schedule, Space, TargetFactory, conformance, run_all,
};
use alk_pubsub_ws_client::WsClientEventTarget;
use alk_pubsub_ws_server::{Limits, WsServerEventTarget};
use bytes::Bytes;
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

/// Spokes of two hubs that have nothing in common but Redis. Somebody else can publish there what is no event.
async fn over_redis(
    url: &str,
    prefix: &str,
    somebody: impl Fn(&str, &[u8]) + Send + Sync + 'static,
) -> Space {
    let member =
        || async { RedisEventTarget::builder(url).prefix(prefix).connect().await.expect("connected") };
    let (one, two) = (hub_of(member().await), hub_of(member().await));
    let publisher = one.spoke().await;
    let proxy = Proxy::start(two.address, Schedule::none()).await.expect("a port");
    let subscriber = WsClientEventTarget::connect(format!("ws://{}/ws", proxy.address()));
    let subscriber = subscriber.await.expect("connected");
    let faults = AtRedis { network: Network(proxy), somebody: Arc::new(somebody), prefix: prefix.to_owned() };
    Space::pair(Arc::new(publisher), Arc::new(subscriber)).with_faults(faults).keeping((one, two))
}

/// Publishes bytes on a channel.
type Somebody = dyn Fn(&str, &[u8]) + Send + Sync;

struct AtRedis {
    network: Network,
    somebody: Arc<Somebody>,
    prefix: String,
}

impl Faults for AtRedis {
    fn disconnect(&self) -> Making<'_, ()> {
        self.network.disconnect()
    }

    fn reconnect(&self) -> Making<'_, ()> {
        self.network.reconnect()
    }

    fn send_raw<'a>(&'a self, topic: &'a Topic, bytes: Bytes) -> Making<'a, ()> {
        let (somebody, channel) = (self.somebody.clone(), format!("{}{topic}", self.prefix));
        Box::pin(async move {
            let published = tokio::task::spawn_blocking(move || somebody(&channel, &bytes));
            published.await.expect("it was published");
        })
    }
}

struct OverRedis;

impl TargetFactory for OverRedis {
    fn name(&self) -> &'static str {
        "WebSocket client and server, over Redis"
    }

    fn capabilities(&self) -> Capabilities {
        Spokes.capabilities().raw_bytes()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let server = tokio::task::spawn_blocking(|| Server::start(&[])).await.expect("a server");
            let server = Arc::new(server);
            let publishing = server.clone();
            over_redis(&server.url(), "test:", move |channel, bytes| _ = publishing.publish(channel, bytes))
                .await
        })
    }
}

struct OverCluster(Arc<Cluster>);

impl TargetFactory for OverCluster {
    fn name(&self) -> &'static str {
        "WebSocket client and server, over a Redis cluster"
    }

    fn capabilities(&self) -> Capabilities {
        OverRedis.capabilities()
    }

    fn space(&self) -> Making<'_> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Box::pin(async {
            let prefix = format!("space-{}:", NEXT.fetch_add(1, Ordering::Relaxed));
            let cluster = self.0.clone();
            let somebody = move |channel: &str, bytes: &[u8]| _ = cluster.nodes()[2].publish(channel, bytes);
            over_redis(&self.0.url(), &prefix, somebody).await
        })
    }
}

/// One cluster for all checks, which takes a while to start.
#[test]
fn over_a_cluster_it_keeps_what_is_promised() {
    let report = run_all(&OverCluster(Arc::new(Cluster::start())));
    report.record(module_path!());
    assert!(report.is_conforming(), "{report}");
}

conformance!(spokes, Spokes);

conformance!(over_redis_server, OverRedis);
conformance!(tree, Tree);
