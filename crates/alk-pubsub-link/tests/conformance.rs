//! A target of another process's keeps what is promised when it is seen through a link.

use std::sync::{Arc, Mutex};

use alk_pubsub_core::InProcessEventTarget;
use alk_pubsub_link::{
    ConnectionInfo, Error, ErrorKind, LengthDelimited, Limits, LinkEventTarget, MemoryPipe, ServeOptions,
    SpokeOptions, Wire, connect, link_over, memory_pipe, serve,
};
use alk_pubsub_testkit::{Capabilities, Faults, Making, Space, TargetFactory, conformance};
use tokio::task::JoinHandle;

/// What a hub takes, less what stands around an event that is published with a reference.
const MAX_EVENT_BYTES: usize = (64 << 10) - 64;

fn options() -> ServeOptions {
    // Checks subscribe to hundreds of topics.
    let mut limits = Limits::default();
    limits.max_topics = 10_000;
    ServeOptions::new(ConnectionInfo::new("spoke", None)).limits(limits)
}

type Served = Vec<JoinHandle<Result<(), Error>>>;

/// Connections to a hub in process that can be cut.
#[derive(Clone)]
struct Cable {
    hub: InProcessEventTarget,
    wire: Wire,
    /// `None` while it is cut.
    served: Arc<Mutex<Option<Served>>>,
}

impl Cable {
    fn new(hub: InProcessEventTarget, wire: Wire) -> Self {
        Self { hub, wire, served: Arc::new(Mutex::new(Some(Vec::new()))) }
    }

    fn pipe(&self) -> Result<MemoryPipe, Error> {
        let mut served = self.served.lock().expect("no panic");
        let Some(served) = &mut *served else { return Err(Error::new(ErrorKind::Io, "the cable is cut")) };
        let (near, far) = memory_pipe(self.wire, 64 << 10);
        served.push(tokio::spawn(serve(self.hub.clone(), far, options())));
        Ok(near)
    }

    fn spoke(&self) -> LinkEventTarget {
        let cable = self.clone();
        connect(move || std::future::ready(cable.pipe()), SpokeOptions::default())
    }
}

impl Faults for Cable {
    fn disconnect(&self) -> Making<'_, ()> {
        let served = self.served.lock().expect("no panic").take();
        served.into_iter().flatten().for_each(|served| served.abort());
        Box::pin(async {})
    }

    fn reconnect(&self) -> Making<'_, ()> {
        *self.served.lock().expect("no panic") = Some(Vec::new());
        Box::pin(async {})
    }
}

/// Two spokes of a hub in process.
struct ThroughALink(Wire);

impl TargetFactory for ThroughALink {
    fn name(&self) -> &'static str {
        if self.0 == Wire::Json {
            "in process, seen through a link"
        } else {
            "in process, seen through a link with MessagePack"
        }
    }

    fn capabilities(&self) -> Capabilities {
        let every = Capabilities::default().interests().outages();
        // What cannot be encoded, and what is too large, is measured as JSON.
        if self.0 == Wire::Json { every.encodes().max_event_bytes(MAX_EVENT_BYTES) } else { every }
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let hub = InProcessEventTarget::in_process();
            let publisher = Cable::new(hub.clone(), self.0).spoke();
            let cable = Cable::new(hub, self.0);
            let subscriber = cable.spoke();
            for spoke in [&publisher, &subscriber] {
                spoke.upstream().wait_connected().await.expect("connected");
            }
            Space::pair(Arc::new(publisher), Arc::new(subscriber)).with_faults(cable)
        })
    }
}

/// One spoke over a stream of bytes that takes a few at a time.
struct OverBytes;

impl TargetFactory for OverBytes {
    fn name(&self) -> &'static str {
        "in process, seen through a byte stream"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().encodes().interests().max_event_bytes(MAX_EVENT_BYTES)
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let (near, far) = tokio::io::duplex(100);
            let hub = InProcessEventTarget::in_process();
            tokio::spawn(serve(hub, LengthDelimited::new(far, Wire::Json, 1 << 20), options()));
            let spoke = link_over(LengthDelimited::new(near, Wire::Json, 1 << 20), SpokeOptions::default());
            spoke.upstream().wait_connected().await.expect("connected");
            Space::new(Arc::new(spoke))
        })
    }
}

conformance!(through_a_link, ThroughALink(Wire::Json));
#[cfg(feature = "msgpack")]
conformance!(through_a_link_with_messagepack, ThroughALink(Wire::MsgPack));
conformance!(over_bytes, OverBytes);
