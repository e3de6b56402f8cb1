use std::time::{Duration, Instant};

use alk_pubsub::{Dynamic, Error, EventTarget, PubSub};
use serde_json::json;
use tokio::time::timeout;

/// The type of the events that are published to see whether they come back.
pub(super) const TYPE: &str = "alk-hub.doctor";
/// How long one may take.
const LIMIT: Duration = Duration::from_secs(5);

/// What became of an event on its way round.
#[derive(Debug)]
pub(super) struct RoundTrip {
    /// Listening to one topic: `SUBSCRIBE` to Redis.
    pub(super) topic: Result<(), Error>,
    /// Listening to all ids of a type: `PSUBSCRIBE` to Redis.
    pub(super) pattern: Result<(), Error>,
    pub(super) publish: Result<(), Error>,
    /// How long it took; `None` where it has not come.
    pub(super) took: Option<Duration>,
}

/// Listens in both ways, publishes an event and waits for it.
pub(super) async fn round_trip(target: impl EventTarget) -> RoundTrip {
    let pubsub = PubSub::<Dynamic>::new(target);
    let id = format!("{:08x}", std::process::id());
    let topic = pubsub.subscribe_to(TYPE, id.as_str()).await;
    let pattern = pubsub.subscribe(TYPE).await;
    let start = Instant::now();
    let publish = pubsub.publish(TYPE, id.as_str(), json!(null)).await;
    let (topic, first) = split(topic);
    let (pattern, second) = split(pattern);
    let mut took = None;
    if publish.is_ok()
        && let Some(mut heard) = first.or(second)
    {
        took = matches!(timeout(LIMIT, heard.recv()).await, Ok(Some(_))).then(|| start.elapsed());
    }
    RoundTrip { topic, pattern, publish: publish.map(|_| ()), took }
}

fn split<T>(outcome: Result<T, Error>) -> (Result<(), Error>, Option<T>) {
    match outcome {
        Ok(value) => (Ok(()), Some(value)),
        Err(error) => (Err(error), None),
    }
}
