//! The event as it travels: through targets, routers and upstreams, its payload looked at by nobody.

use std::any::{Any, TypeId};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Encoding, Parts};
use crate::envelope::EventEnvelope;
use crate::error::{Error, ErrorKind};
use crate::meta::{Meta, Traceparent};
use crate::name::{EventType, Topic};

/// What a payload must be able to do; everything that can has it.
pub trait Payload: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> Payload for P {}

/// An event whose payload is not looked at: shared, immutable, cheap to clone.
///
/// It was made either from a value (by a publisher in this process) or from bytes (that came from outside). Bytes
/// are decoded when a typed subscriber asks, once for all subscribers; values are encoded when something leaves the
/// process, at most twice for each [`Encoding`]: most leave it once, and of those nothing is kept. An event that came in as bytes goes out as the very same bytes where the encoding is
/// the same.
///
/// ```
/// use alk_pubsub_core::{Encoding, Event};
///
/// let event = Event::from_encoded(Encoding::JSON, r#"{"type":"tick","id":"a","payload":1.50}"#.into())?;
/// assert_eq!(event.topic().to_string(), "tick:a");
/// assert_eq!(event.decode::<f64>()?.payload(), &1.5);
/// assert_eq!(event.encode(&Encoding::JSON)?, r#"{"type":"tick","id":"a","payload":1.50}"#);
/// # Ok::<(), alk_pubsub_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Event(Arc<dyn Carried>);

/// An event with a payload that is a value.
pub(crate) struct Typed<P> {
    pub(crate) topic: Topic,
    pub(crate) payload: P,
    caches: OnceLock<Box<Caches>>,
    /// Whether it was encoded without its bytes being kept.
    was_encoded: AtomicBool,
}

/// An event that came as bytes.
struct Raw {
    topic: Topic,
    encoding: Encoding,
    envelope: Bytes,
    payload: Range<usize>,
    /// The event decoded as the type that was asked for first. Mostly nobody asks for another, and somebody asks.
    decoded: OnceLock<Decoded>,
    caches: OnceLock<Box<Caches>>,
}

/// What was worked out about an event and may be asked for again.
#[derive(Default)]
struct Caches {
    json: OnceLock<Result<Bytes, Error>>,
    /// Apart, since what few need would make the caches of all twice as large.
    rare: OnceLock<Box<RareCaches>>,
    /// Where in its envelope an event that came as bytes has its meta; empty if it has none. Events that have one begin with
    /// these caches, so that the others need no room for it.
    meta_at: Range<usize>,
    /// `None` also for what is no meta.
    meta: OnceLock<Option<Meta>>,
}

#[derive(Default)]
struct RareCaches {
    /// Encodings other than JSON by name; there are one or two in a process.
    encodings: Mutex<Vec<(&'static str, Result<Bytes, Error>)>>,
    /// What events that came as bytes do not keep themselves.
    decoded: Mutex<Vec<Decoded>>,
}

/// What came of decoding a payload as one type.
#[derive(Clone)]
struct Decoded {
    payload: TypeId,
    /// A `Typed<P>`.
    event: Result<Arc<dyn Any + Send + Sync>, Error>,
}

impl Caches {
    fn encoded(
        &self,
        encoding: &Encoding,
        encode: impl FnOnce() -> Result<Bytes, Error>,
    ) -> Result<Bytes, Error> {
        if encoding.is_json() {
            return self.json.get_or_init(encode).clone();
        }
        let find = |others: &[(&'static str, Result<Bytes, Error>)]| {
            others.iter().find(|(name, _)| *name == encoding.name()).map(|(_, bytes)| bytes.clone())
        };
        let encodings = &self.rare().encodings;
        let lock = || encodings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&lock()) {
            return found;
        }
        // Not under the lock: the payload's `Serialize` is foreign code.
        let bytes = encode();
        let mut others = lock();
        if find(&others).is_none() {
            others.push((encoding.name(), bytes.clone()));
        }
        bytes
    }

    fn rare(&self) -> &RareCaches {
        self.rare.get_or_init(Box::default)
    }

    fn decoded(&self, payload: TypeId, decode: impl FnOnce() -> Decoded) -> Decoded {
        let find = |others: &[Decoded]| others.iter().find(|decoded| decoded.payload == payload).cloned();
        let lock = || self.rare().decoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&lock()) {
            return found;
        }
        // Not under the lock: the payload's `Deserialize` is foreign code.
        let decoded = decode();
        let mut others = lock();
        if let Some(found) = find(&others) {
            return found;
        }
        others.push(decoded.clone());
        decoded
    }
}

trait Carried: Any + Send + Sync {
    /// Whether it is a value of this type. Asked like this and not with `Any::is`, whose two halves of a type's id are mostly
    /// compared before they are through to memory.
    fn is_value_of(&self, payload: &TypeId) -> bool;

    fn topic(&self) -> &Topic;

    /// The size of the encoded envelope where the event has one from the start, else zero.
    fn encoded_len(&self) -> usize;

    fn encode(&self, encoding: &Encoding) -> Result<Bytes, Error>;

    /// As `encode`; what is not there already is written to `scratch` if nobody else is likely to ask for it.
    fn encoded<'a>(&'a self, encoding: &Encoding, scratch: &'a mut Vec<u8>) -> Result<&'a [u8], Error>;

    fn caches(&self) -> &Caches;

    fn meta(&self) -> Option<&Meta>;

    fn raw(&self) -> Option<&Raw>;
}

impl<P: Serialize + Send + Sync + 'static> Carried for Typed<P> {
    #[inline]
    fn is_value_of(&self, payload: &TypeId) -> bool {
        *payload == TypeId::of::<P>()
    }

    fn topic(&self) -> &Topic {
        &self.topic
    }

    fn encoded_len(&self) -> usize {
        0
    }

    fn encode(&self, encoding: &Encoding) -> Result<Bytes, Error> {
        self.caches().encoded(encoding, || encoding.encode_with(&self.topic, &self.payload, self.meta()))
    }

    fn encoded<'a>(&'a self, encoding: &Encoding, scratch: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        scratch.clear();
        if encoding.is_json() {
            if let Some(Ok(kept)) = self.caches.get().and_then(|caches| caches.json.get()) {
                return Ok(kept);
            }
            if !self.was_encoded.swap(true, Ordering::Relaxed) {
                encoding.encode_into(&self.topic, &self.payload, self.meta(), scratch)?;
                return Ok(scratch);
            }
        }
        scratch.extend_from_slice(&self.encode(encoding)?);
        Ok(scratch)
    }

    fn caches(&self) -> &Caches {
        self.caches.get_or_init(Box::default)
    }

    fn meta(&self) -> Option<&Meta> {
        Typed::meta(self)
    }

    fn raw(&self) -> Option<&Raw> {
        None
    }
}

impl Raw {
    fn payload(&self) -> &[u8] {
        &self.envelope[self.payload.clone()]
    }
}

impl Carried for Raw {
    fn is_value_of(&self, _: &TypeId) -> bool {
        false
    }

    fn topic(&self) -> &Topic {
        &self.topic
    }

    fn encoded_len(&self) -> usize {
        self.envelope.len()
    }

    fn encode(&self, encoding: &Encoding) -> Result<Bytes, Error> {
        if *encoding == self.encoding {
            return Ok(self.envelope.clone());
        }
        let meta = self.meta();
        self.caches()
            .encoded(encoding, || encoding.transcode(&self.topic, self.payload(), meta, &self.encoding))
    }

    fn encoded<'a>(&'a self, encoding: &Encoding, scratch: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        if *encoding == self.encoding {
            return Ok(&self.envelope);
        }
        scratch.clear();
        scratch.extend_from_slice(&self.encode(encoding)?);
        Ok(scratch)
    }

    fn caches(&self) -> &Caches {
        self.caches.get_or_init(Box::default)
    }

    fn meta(&self) -> Option<&Meta> {
        let caches = self.caches.get()?;
        let decode = || self.encoding.decode(self.envelope.get(caches.meta_at.clone())?).ok();
        let meta = caches.meta.get_or_init(|| if caches.meta_at.is_empty() { None } else { decode() });
        meta.as_ref()
    }

    fn raw(&self) -> Option<&Raw> {
        Some(self)
    }
}

impl<P> Typed<P> {
    pub(crate) fn new(topic: Topic, payload: P) -> Self {
        Self { topic, payload, caches: OnceLock::new(), was_encoded: AtomicBool::new(false) }
    }

    pub(crate) fn with_meta(topic: Topic, payload: P, meta: Option<Meta>) -> Self {
        let typed = Self::new(topic, payload);
        if meta.is_some() {
            let caches = Caches { meta: meta.into(), ..Caches::default() };
            return Self { caches: Box::new(caches).into(), ..typed };
        }
        typed
    }

    pub(crate) fn meta(&self) -> Option<&Meta> {
        self.caches.get()?.meta.get()?.as_ref()
    }
}

impl Event {
    /// An event of this topic with this payload.
    pub fn new<P: Payload>(topic: Topic, payload: P) -> Self {
        Self(Arc::new(Typed::new(topic, payload)))
    }

    /// An event that carries something beside its payload, for example where in a trace it was published.
    pub fn with_meta<P: Payload>(topic: Topic, payload: P, meta: Meta) -> Self {
        Self(Arc::new(Typed::with_meta(topic, payload, Some(meta))))
    }

    /// Takes an encoded envelope as an event. Its payload is neither decoded nor copied.
    ///
    /// The event keeps `envelope` as it is: copy it first if it is a small slice of a large buffer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] if it is no envelope, [`ErrorKind::InvalidTopic`] or [`ErrorKind::ReservedType`] if its type or id is
    /// none.
    pub fn from_encoded(encoding: Encoding, envelope: Bytes) -> Result<Self, Error> {
        let split = encoding.split(&envelope)?;
        let topic = Topic::new(EventType::new(&split.event_type)?, &split.id)?;
        let parts = split.parts();
        Ok(Self::from_parts(encoding, envelope, topic, parts))
    }

    /// Takes an encoded envelope that was split already; see [`Encoding::split`] and [`Split::parts`](crate::Split::parts).
    ///
    /// # Panics
    ///
    /// If one of `parts` is not a range of `envelope`.
    #[must_use]
    pub fn from_parts(encoding: Encoding, envelope: Bytes, topic: Topic, parts: impl Into<Parts>) -> Self {
        let Parts { payload, meta } = parts.into();
        let within = |part: &Range<usize>| part.start <= part.end && part.end <= envelope.len();
        assert!(within(&payload) && within(&meta), "payload and meta are in the envelope");
        let caches = OnceLock::new();
        if !meta.is_empty() {
            let _ = caches.set(Box::new(Caches { meta_at: meta, ..Caches::default() }));
        }
        Self(Arc::new(Raw { topic, encoding, envelope, payload, decoded: OnceLock::new(), caches }))
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        self.0.topic()
    }

    /// What it carries beside its payload: the envelope's member `meta`, if it has one that is an object.
    #[must_use]
    pub fn meta(&self) -> Option<&Meta> {
        self.0.meta()
    }

    /// Where in a trace it was published, if it says so; see [`Meta::traceparent`].
    #[must_use]
    pub fn traceparent(&self) -> Option<Traceparent> {
        self.meta()?.traceparent()
    }

    /// The size of the encoded envelope in bytes if the event came as bytes, else zero.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    /// The envelope in this encoding; worked out once and shared.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encode`] if the payload cannot be expressed in it, [`ErrorKind::Decode`] if the event came as bytes
    /// of another encoding and these are no valid payload.
    pub fn encode(&self, encoding: &Encoding) -> Result<Bytes, Error> {
        self.0.encode(encoding)
    }

    /// As [`encode`](Self::encode), for who needs the bytes only now: they are the event's own, or in `scratch`.
    pub(crate) fn encoded<'a>(
        &'a self,
        encoding: &Encoding,
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        self.0.encoded(encoding, scratch)
    }

    /// The event with its payload as a `P`.
    ///
    /// Free if it was published as one; otherwise its payload is decoded, once for all that ask for the same type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] if the payload is not a `P`.
    pub fn decode<P: Payload>(&self) -> Result<EventEnvelope<P>, Error> {
        self.clone().into_envelope()
    }

    /// As [`decode`](Self::decode), without another reference where the event was published as a `P`.
    #[inline]
    pub(crate) fn into_envelope<P: Payload>(self) -> Result<EventEnvelope<P>, Error> {
        if self.0.is_value_of(&TypeId::of::<P>()) {
            let any: Arc<dyn Any + Send + Sync> = self.0;
            return any.downcast().map(EventEnvelope::from_typed).map_err(|_| of_another_type());
        }
        self.decode_once()
    }

    #[inline(never)]
    fn decode_once<P: Payload>(&self) -> Result<EventEnvelope<P>, Error> {
        let payload = TypeId::of::<P>();
        let decode =
            || Decoded { payload, event: self.decode_uncached::<P>().map(|typed| Arc::new(typed) as _) };
        let decoded = match self.0.raw().map(|raw| raw.decoded.get_or_init(decode)) {
            Some(first) if first.payload == payload => first.clone(),
            _ => self.0.caches().decoded(payload, decode),
        };
        let typed = decoded.event?.downcast();
        typed.map(EventEnvelope::from_typed).map_err(|_| of_another_type())
    }

    fn decode_uncached<P: Payload>(&self) -> Result<Typed<P>, Error> {
        let payload = match self.0.raw() {
            Some(raw) => raw.encoding.decode(raw.payload())?,
            // Published as a value of another type: what both have in common is the encoding.
            None => {
                let envelope = self.0.encode(&Encoding::JSON)?;
                let payload = Encoding::JSON.split(&envelope)?.payload;
                Encoding::JSON.decode(&envelope[payload])?
            }
        };
        Ok(Typed::with_meta(self.topic().clone(), payload, self.meta().cloned()))
    }

    pub(crate) fn from_typed<P: Payload>(typed: Arc<Typed<P>>) -> Self {
        Self(typed)
    }
}

#[cold]
fn of_another_type() -> Error {
    Error::new(ErrorKind::Decode, "the payload is of another type")
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("topic", self.topic()).finish_non_exhaustive()
    }
}
