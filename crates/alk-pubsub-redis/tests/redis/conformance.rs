//! The suite that every event target passes, over each kind of server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alk_pubsub_core::{ConnectionState, EventTarget, Topic};
use alk_pubsub_redis::{Builder, Reconnect, RedisEventTarget};
use alk_pubsub_testkit::redis::{Cluster, Server, wait_until};
use alk_pubsub_testkit::{Capabilities, Faults, Making, Proxy, Schedule, Space, TargetFactory, run_all};
use bytes::Bytes;
use tokio::runtime::Runtime;

/// The largest envelope here.
const MAX_ENVELOPE_BYTES: usize = 64 << 10;

/// A prefix for each space, so that all may share a server.
fn new_prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("space-{}:", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn member(builder: Builder, prefix: &str) -> RedisEventTarget {
    // Short waits, so that tests are.
    let reconnect = Reconnect::default().longest(Duration::from_millis(300));
    let builder = builder.prefix(prefix).reconnect(reconnect).max_envelope_bytes(MAX_ENVELOPE_BYTES);
    builder.connect().await.expect("the server is up")
}

/// Publishes bytes on a channel.
type Somebody = dyn Fn(&str, &[u8]) + Send + Sync;

/// What can go wrong: the network, and somebody else who publishes what is no event.
struct Outside {
    proxies: Arc<[Proxy]>,
    somebody: Arc<Somebody>,
    prefix: String,
    /// Where the publisher has the network of the subscriber.
    publisher: Option<RedisEventTarget>,
}

impl Faults for Outside {
    fn disconnect(&self) -> Making<'_, ()> {
        self.proxies.iter().for_each(Proxy::down);
        Box::pin(async {
            if let Some(publisher) = &self.publisher {
                let mut state = publisher.state();
                while state.current() == ConnectionState::Connected {
                    state.changed().await;
                }
            }
        })
    }

    fn reconnect(&self) -> Making<'_, ()> {
        self.proxies.iter().for_each(Proxy::up);
        Box::pin(async {
            if let Some(publisher) = &self.publisher {
                publisher.state().wait_connected().await;
            }
        })
    }

    fn send_raw<'a>(&'a self, topic: &'a Topic, bytes: Bytes) -> Making<'a, ()> {
        let (somebody, channel) = (self.somebody.clone(), format!("{}{topic}", self.prefix));
        Box::pin(async move {
            let published = tokio::task::spawn_blocking(move || somebody(&channel, &bytes));
            published.await.expect("it was published");
        })
    }
}

fn capabilities() -> Capabilities {
    Capabilities::default().encodes().interests().max_event_bytes(MAX_ENVELOPE_BYTES).outages().raw_bytes()
}

async fn proxy_to(port: u16) -> Proxy {
    Proxy::start(([127, 0, 0, 1], port).into(), Schedule::none()).await.expect("a port")
}

/// Two processes, as it were, of which the subscribing one has a network that can fail.
struct Single(Arc<Server>);

impl TargetFactory for Single {
    fn name(&self) -> &'static str {
        "Redis, a single server"
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let prefix = new_prefix();
            let publisher = member(RedisEventTarget::builder(self.0.url()), &prefix).await;
            let proxy = proxy_to(self.0.port()).await;
            let url = format!("redis://{}", proxy.address());
            let subscriber = member(RedisEventTarget::builder(url), &prefix).await;
            let server = self.0.clone();
            let somebody = Arc::new(move |channel: &str, bytes: &[u8]| _ = server.publish(channel, bytes));
            let outside = Outside { proxies: Arc::new([proxy]), somebody, prefix, publisher: None };
            Space::pair(Arc::new(publisher), Arc::new(subscriber)).with_faults(outside)
        })
    }
}

/// A cluster whose nodes say that they are where proxies are, so that the network of its clients can fail.
struct OfSix {
    cluster: Arc<Cluster>,
    proxies: Arc<[Proxy]>,
    /// Each check has a runtime of its own, and the proxies are there for all.
    _runtime: Runtime,
}

impl OfSix {
    fn start() -> Self {
        let cluster = Cluster::start();
        let runtime = Runtime::new().expect("a runtime");
        let proxies = cluster.nodes().iter().map(|node| runtime.block_on(proxy_to(node.port())));
        let proxies: Arc<[Proxy]> = proxies.collect();
        let port = |proxy: &Proxy| proxy.address().port().to_string();
        for (node, proxy) in cluster.nodes().iter().zip(&*proxies) {
            node.tell(&["CONFIG", "SET", "cluster-announce-port", &port(proxy)]);
        }
        wait_until("all nodes say where the others' proxies are", || {
            let mut known = cluster.nodes().iter().map(|node| node.command(&["CLUSTER", "NODES"]).text());
            known.all(|nodes| proxies.iter().all(|proxy| nodes.contains(&format!(":{}@", port(proxy)))))
        });
        Self { cluster: Arc::new(cluster), proxies, _runtime: runtime }
    }
}

impl TargetFactory for OfSix {
    fn name(&self) -> &'static str {
        "Redis, a cluster of six"
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let prefix = new_prefix();
            let [first, second] = [0, 1].map(|node: usize| self.proxies[node].address());
            let url = format!("redis-cluster://{first}?node={second}");
            let [publisher, subscriber] = [
                member(RedisEventTarget::builder(&url), &prefix).await,
                member(RedisEventTarget::builder(&url), &prefix).await,
            ];
            let cluster = self.cluster.clone();
            let somebody =
                Arc::new(move |channel: &str, bytes: &[u8]| _ = cluster.nodes()[2].publish(channel, bytes));
            let publisher_too = Some(publisher.clone());
            let outside =
                Outside { proxies: self.proxies.clone(), somebody, prefix, publisher: publisher_too };
            Space::pair(Arc::new(publisher), Arc::new(subscriber)).with_faults(outside)
        })
    }
}

fn check(factory: &dyn TargetFactory) {
    let report = run_all(factory);
    report.record(module_path!());
    println!("{report}");
    assert!(report.is_conforming(), "{report}");
}

#[test]
fn a_single_server_keeps_what_is_promised() {
    check(&Single(Arc::new(Server::start(&[]))));
}

#[test]
fn a_cluster_keeps_what_is_promised() {
    check(&OfSix::start());
}

#[cfg(feature = "tls")]
mod tls {
    use super::*;
    use crate::tls::trusting;
    use alk_pubsub_testkit::redis::{Authority, TlsServer};

    struct Encrypted(Authority, Arc<TlsServer>);

    impl TargetFactory for Encrypted {
        fn name(&self) -> &'static str {
            "Redis, a server with TLS"
        }

        fn capabilities(&self) -> Capabilities {
            capabilities()
        }

        fn space(&self) -> Making<'_> {
            Box::pin(async {
                let prefix = new_prefix();
                let builder = |port| {
                    let builder = RedisEventTarget::builder(format!("rediss://localhost:{port}"));
                    builder.tls(trusting(&self.0)).connect_timeout(Duration::from_secs(20))
                };
                let publisher = member(builder(self.1.port()), &prefix).await;
                let proxy = proxy_to(self.1.port()).await;
                let subscriber = member(builder(proxy.address().port()), &prefix).await;
                let server = self.1.clone();
                let somebody =
                    Arc::new(move |channel: &str, bytes: &[u8]| _ = server.server().publish(channel, bytes));
                let outside = Outside { proxies: Arc::new([proxy]), somebody, prefix, publisher: None };
                Space::pair(Arc::new(publisher), Arc::new(subscriber)).with_faults(outside)
            })
        }
    }

    #[test]
    fn a_server_with_tls_keeps_what_is_promised() {
        let authority = Authority::new();
        let server = Arc::new(TlsServer::start(&authority));
        check(&Encrypted(authority, server));
    }
}
