//! Typed events over one swappable event target: the ground floor of alk-pubsub.
//!
//! A [`PubSub`] publishes and subscribes to events `{type, id, payload}`. Where they travel is decided by its
//! [`EventTarget`]: within the process ([`InProcessEventTarget`], the default), or through an [`Upstream`] of another crate or
//! of your own.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use alk_pubsub_core::{PubSub, event_map};
//!
//! event_map! { struct Events { Greeted("greeted") => String } }
//!
//! let pubsub = PubSub::<Events>::in_process();
//! let mut greetings = pubsub.subscribe(Greeted).await?;
//! pubsub.publish(Greeted, "world", "hello".to_owned()).await?;
//! assert_eq!(greetings.recv().await.expect("open").payload(), "hello");
//! # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
//! ```

mod codec;
mod envelope;
mod error;
mod event;
mod event_map;
mod feed;
mod forward;
mod gap;
mod interests;
mod latency;
mod local;
mod meta;
#[cfg(feature = "metrics")]
mod metrics;
mod name;
pub mod operators;
mod publisher;
mod pubsub;
mod routed;
mod router;
mod spans;
mod state;
mod stats;
mod subscription;
mod sync;
mod target;
mod upstream;

#[cfg(feature = "metrics")]
pub use self::metrics::TargetMetrics;
pub use codec::{Codec, Encoding, Parts, Split};
pub use envelope::EventEnvelope;
pub use error::{Error, ErrorKind};
pub use event::{Event, Payload};
pub use event_map::{Dynamic, EventMap, EventOf};
pub use feed::{EventFilter, Feed, FeedItem};
pub use gap::{Gap, GapReason};
pub use interests::{Changes, InterestTable, Interests};
pub use latency::{LatencyProbe, LatencySample};
pub use local::{InProcessEventTarget, Local};
pub use meta::{Meta, NoTraceparent, TraceContext, Traceparent};
pub use name::{
    EventType, Interest, MAX_ID_BYTES, MAX_TYPE_BYTES, NameError, Topic, check_event_type, check_id,
};
pub use publisher::{Publisher, Publishing};
pub use pubsub::{PubSub, Subscribe, Subscribing};
pub use routed::{DEFAULT_SUBSCRIBE_TIMEOUT, RoutedEventTarget};
pub use router::{Bounds, EndHandle, Framing, Overflow, RawSubscription, Route, Router, Scope};
pub use state::{ConnectionState, StateWatch};
pub use stats::{GapCount, GapCounts, Stats};
pub use subscription::{Delivery, Recv, RecvMany, Subscription, TryRecvError, WithGaps};
pub use target::{
    EventListener, EventTarget, ListenerGuard, ListenerId, Published, Receivers, RemoveListener, TargetFuture,
};
pub use upstream::Upstream;
