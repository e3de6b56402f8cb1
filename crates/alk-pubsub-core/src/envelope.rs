//! The event as a typed subscriber sees it.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{Event, Payload, Typed};
use crate::meta::{Meta, Traceparent};
use crate::name::{EventType, NameError, Topic};

/// An event with its payload: `{type, id, payload}`.
///
/// Shared between all subscribers, cheap to clone. Serialises to an object with these three members, and with `meta` where
/// there is one. Two are equal if these three are: what travels beside the payload is not a part of what was said.
///
/// ```
/// use alk_pubsub_core::EventEnvelope;
///
/// let event = EventEnvelope::new("session.status", "p1", "busy".to_owned())?;
/// assert_eq!((event.event_type(), event.id(), event.payload().as_str()), ("session.status", "p1", "busy"));
/// # Ok::<(), alk_pubsub_core::NameError>(())
/// ```
pub struct EventEnvelope<P>(Arc<Typed<P>>);

impl<P> EventEnvelope<P> {
    /// An envelope of this type, id and payload.
    ///
    /// # Errors
    ///
    /// A [`NameError`] if the type or the id breaks the rules for names.
    pub fn new(event_type: impl AsRef<str>, id: impl AsRef<str>, payload: P) -> Result<Self, NameError> {
        let topic = Topic::new(EventType::new(event_type)?, id)?;
        Ok(Self(Arc::new(Typed::new(topic, payload))))
    }

    pub(crate) fn from_typed(typed: Arc<Typed<P>>) -> Self {
        Self(typed)
    }

    /// The event type.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.0.topic.event_type().as_str()
    }

    /// The id; may be empty.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.topic.id()
    }

    /// Type and id as one.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.0.topic
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &P {
        &self.0.payload
    }

    /// What came beside the payload; see [`Event::meta`].
    #[must_use]
    pub fn meta(&self) -> Option<&Meta> {
        self.0.meta()
    }

    /// Where in a trace it was published, if it says so; see [`Meta::traceparent`].
    #[must_use]
    pub fn traceparent(&self) -> Option<Traceparent> {
        self.meta()?.traceparent()
    }

    /// The payload by value: moved out if nobody else holds this event, else cloned.
    #[must_use]
    pub fn into_payload(self) -> P
    where
        P: Clone,
    {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.payload.clone(), |own| own.payload)
    }
}

impl<P: Payload> From<EventEnvelope<P>> for Event {
    fn from(envelope: EventEnvelope<P>) -> Self {
        Event::from_typed(envelope.0)
    }
}

impl<P> Clone for EventEnvelope<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: PartialEq> PartialEq for EventEnvelope<P> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.topic() == other.topic() && self.payload() == other.payload())
    }
}

impl<P: Eq> Eq for EventEnvelope<P> {}

impl<P: fmt::Debug> fmt::Debug for EventEnvelope<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventEnvelope")
            .field("type", &self.event_type())
            .field("id", &self.id())
            .field("payload", self.payload())
            .finish()
    }
}

impl<P: Serialize> Serialize for EventEnvelope<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let meta = self.meta();
        let mut out = serializer.serialize_struct("EventEnvelope", 3 + usize::from(meta.is_some()))?;
        out.serialize_field("type", self.event_type())?;
        out.serialize_field("id", self.id())?;
        out.serialize_field("payload", self.payload())?;
        if let Some(meta) = meta {
            out.serialize_field("meta", meta)?;
        }
        out.end()
    }
}

impl<'de, P: Deserialize<'de>> Deserialize<'de> for EventEnvelope<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Members<P> {
            #[serde(rename = "type")]
            event_type: String,
            #[serde(default)]
            id: String,
            payload: P,
            #[serde(default)]
            meta: serde_json::Value,
        }
        let Members { event_type, id, payload, meta } = Members::deserialize(deserializer)?;
        let topic = EventType::new(event_type).and_then(|event_type| Topic::new(event_type, id));
        let topic = topic.map_err(serde::de::Error::custom)?;
        // What is no meta is ignored, as everywhere.
        let meta = serde_json::from_value(meta).ok();
        Ok(Self(Arc::new(Typed::with_meta(topic, payload, meta))))
    }
}
