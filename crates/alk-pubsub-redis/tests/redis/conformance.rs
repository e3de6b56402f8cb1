//! The suite that every event target passes, over each kind of server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alk_pubsub_redis::{Reconnect, RedisEventTarget};
use alk_pubsub_testkit::{Capabilities, Faults, Making, Proxy, Schedule, Space, TargetFactory, run_all};

use alk_pubsub_testkit::redis::{Cluster, Server};

/// A prefix for each space, so that all may share a server.
fn new_prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("space-{}:", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn member(url: &str, prefix: &str) -> RedisEventTarget {
    // Short waits, so that tests are.
    let reconnect = Reconnect::default().longest(Duration::from_millis(300));
    let builder = RedisEventTarget::builder(url).prefix(prefix).reconnect(reconnect);
    builder.connect().await.expect("the server is up")
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

/// Two processes, as it were, of which the subscribing one has a network that can fail.
struct Single(Server);

impl TargetFactory for Single {
    fn name(&self) -> &'static str {
        "Redis, a single server"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().encodes().interests().outages()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let prefix = new_prefix();
            let publisher = member(&self.0.url(), &prefix).await;
            let proxy =
                Proxy::start(([127, 0, 0, 1], self.0.port()).into(), Schedule::none()).await.expect("a port");
            let subscriber = member(&format!("redis://{}", proxy.address()), &prefix).await;
            Space::pair(Arc::new(publisher), Arc::new(subscriber)).with_faults(Network(proxy))
        })
    }
}

struct OfSix(Cluster);

impl TargetFactory for OfSix {
    fn name(&self) -> &'static str {
        "Redis, a cluster of six"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().encodes().interests()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let prefix = new_prefix();
            let (publisher, subscriber) =
                (member(&self.0.url(), &prefix).await, member(&self.0.url(), &prefix).await);
            Space::pair(Arc::new(publisher), Arc::new(subscriber))
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
    check(&Single(Server::start(&[])));
}

#[test]
fn a_cluster_keeps_what_is_promised() {
    check(&OfSix(Cluster::start()));
}

#[cfg(feature = "tls")]
mod tls {
    use super::*;
    use crate::tls::connect_with_prefix;
    use alk_pubsub_testkit::redis::{Authority, TlsServer};

    struct Encrypted(Authority, TlsServer);

    impl TargetFactory for Encrypted {
        fn name(&self) -> &'static str {
            "Redis, a server with TLS"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::default().encodes().interests()
        }

        fn space(&self) -> Making<'_> {
            Box::pin(async {
                let prefix = new_prefix();
                let publisher = connect_with_prefix(self.1.url(), &self.0, &prefix).await;
                let subscriber = connect_with_prefix(self.1.url(), &self.0, &prefix).await;
                Space::pair(Arc::new(publisher), Arc::new(subscriber))
            })
        }
    }

    #[test]
    fn a_server_with_tls_keeps_what_is_promised() {
        let authority = Authority::new();
        let server = TlsServer::start(&authority);
        check(&Encrypted(authority, server));
    }
}
