//! Publish and subscribe with typed events; which transport carries them is one value.
//!
//! ```
//! use alk_pubsub::{PubSub, event_map};
//!
//! event_map! {
//!     /// What this application publishes.
//!     struct AppEvents {
//!         SessionStatus("session.status") => String,
//!         MessageUpdated("message.updated") => u64,
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let pubsub = PubSub::<AppEvents>::in_process();
//! let mut all = pubsub.subscribe(SessionStatus).await?; // every id of the type
//! let mut one = pubsub.subscribe_to(SessionStatus, "project-1").await?; // one topic
//!
//! pubsub.publish(SessionStatus, "project-1", "busy".to_owned()).await?; // type, id, payload: always three
//!
//! assert_eq!(all.recv().await.expect("open").payload(), "busy");
//! assert_eq!(one.recv().await.expect("open").id(), "project-1");
//! # Ok::<(), alk_pubsub::Error>(()) }).unwrap();
//! ```
//!
//! # Features
//!
//! | feature | module | what it adds |
//! | --- | --- | --- |
//! | `redis` | `redis` | Redis as the upstream: one topic space across processes |
//! | `ws-client` | `ws_client` | a hub at the other end of a WebSocket, as an event target |
//! | `ws-server` | `ws_server` | a WebSocket hub over any event target, as an axum handler |
//! | `sse` | `sse` | server-sent events and HTTP publish over any event target, as axum handlers |
//! | `worker` | `worker` | threads and child processes that share events with their host |
//! | `metrics` | | `TargetMetrics`: a target's counters for the recorder of the `metrics` crate |
//! | `msgpack` | | MessagePack beside JSON |
//! | `tls` | | TLS for `redis` and `ws-client` |
//! | `full` | | all of them |
//!
//! None is on by default, and none brings along what another needs.

#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sse")]
pub mod sse;
#[cfg(feature = "worker")]
pub mod worker;
#[cfg(feature = "ws-client")]
pub mod ws_client;
#[cfg(feature = "ws-server")]
pub mod ws_server;

#[cfg(feature = "metrics")]
pub use alk_pubsub_core::TargetMetrics;
pub use alk_pubsub_core::operators;
pub use alk_pubsub_core::{
    Bounds, Changes, Codec, ConnectionState, DEFAULT_SUBSCRIBE_TIMEOUT, Delivery, Dynamic, Encoding,
    EndHandle, Error, ErrorKind, Event, EventEnvelope, EventFilter, EventListener, EventMap, EventOf,
    EventTarget, EventType, Feed, FeedItem, Framing, Gap, GapCount, GapCounts, GapReason,
    InProcessEventTarget, Interest, InterestTable, Interests, LatencyProbe, LatencySample, ListenerGuard,
    ListenerId, Local, MAX_ID_BYTES, MAX_TYPE_BYTES, Meta, NameError, NoTraceparent, Overflow, Parts,
    Payload, PubSub, Published, Publisher, RawSubscription, Receivers, Recv, RecvMany, RemoveListener,
    RoutedEventTarget, Router, Scope, Split, StateWatch, Stats, Subscribe, Subscribing, Subscription,
    TargetFuture, Topic, TraceContext, Traceparent, TryRecvError, Upstream, WithGaps, check_event_type,
    check_id, event_map,
};
