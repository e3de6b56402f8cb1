//! A transport as they mostly are: a server in between, bytes on the way, connections that are lost. The suite's checks of such
//! things are shown to work here, without a server to install.

mod support;

use std::sync::Arc;

use alk_pubsub_testkit::{Capabilities, Making, Space, TargetFactory, conformance};

use support::server::{Client, LIMIT, Server};

fn capabilities() -> Capabilities {
    Capabilities::default().interests().encodes().max_event_bytes(LIMIT).outages().raw_bytes()
}

/// One client that publishes and another that subscribes.
struct TwoClients;

impl TargetFactory for TwoClients {
    fn name(&self) -> &'static str {
        "two clients of a server"
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let server = Server::default();
            let (publisher, subscriber) = (Client::target(&server), Client::target(&server));
            for target in [&publisher, &subscriber] {
                alk_pubsub_core::EventTarget::state(target).wait_connected().await;
            }
            let faults = subscriber.upstream().faults();
            Space::pair(Arc::new(publisher), Arc::new(subscriber)).with_faults(faults).keeping(server)
        })
    }
}

/// The same one for both.
struct OneClient;

impl TargetFactory for OneClient {
    fn name(&self) -> &'static str {
        "a client of a server"
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let server = Server::default();
            let target = Client::target(&server);
            alk_pubsub_core::EventTarget::state(&target).wait_connected().await;
            let faults = target.upstream().faults();
            Space::new(Arc::new(target)).with_faults(faults).keeping(server)
        })
    }
}

conformance!(two_clients, TwoClients);
conformance!(one_client, OneClient);
