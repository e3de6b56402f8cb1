use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::traceparent::Traceparent;

const TRACEPARENT: &str = "traceparent";

/// What an event carries beside its payload: a JSON object, the envelope's optional member `meta`.
///
/// It is for whoever stands around the application and not for what the application says: trace contexts above all. Hubs
/// pass it on as they got it, members that nobody here knows included. Clients that know nothing of it ignore it.
///
/// ```
/// use alk_pubsub_core::{Encoding, Event, Meta, Traceparent};
///
/// let parent: Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?;
/// let event = Event::with_meta("tick:a".parse()?, 1, Meta::from(parent));
/// assert_eq!(
///     event.encode(&Encoding::JSON)?,
///     r#"{"type":"tick","id":"a","payload":1,"meta":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}"#
/// );
/// assert_eq!(event.traceparent(), Some(parent));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Meta(Map<String, Value>);

impl Meta {
    /// Without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one member more, or with another value for one that it has.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// A member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether it has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The member `traceparent`, if there is one and it is valid.
    #[must_use]
    pub fn traceparent(&self) -> Option<Traceparent> {
        self.get(TRACEPARENT)?.as_str()?.parse().ok()
    }
}

impl From<Traceparent> for Meta {
    fn from(traceparent: Traceparent) -> Self {
        Self::new().with(TRACEPARENT, traceparent.to_string())
    }
}
