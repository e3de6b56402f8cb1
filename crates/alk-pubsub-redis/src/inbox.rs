//! From what arrives on a connection to the router, payloads unread.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alk_pubsub_core::{
    Encoding, Error, Event, EventType, Gap, GapReason, Interest, Interests, Router, Scope, Topic,
};
use bytes::Bytes;

use crate::channels::Channels;
use crate::driver::Kind;

/// How often refused messages are spoken of.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Takes what arrives on one connection, and on those that follow it.
pub(crate) struct Inbox {
    router: Router,
    channels: Channels,
    encoding: Encoding,
    interests: Interests,
    /// Whether this is the connection for listeners of everything.
    everything: bool,
    /// Interests that miss events since a connection was lost, and have not been told.
    gaps: HashSet<Interest>,
    /// The copy for the topic's listeners, behind which that for the type's listeners comes.
    last: Option<Event>,
    /// Whether types have been asked for on this connection, so that there may be copies.
    has_types: bool,
    refused: Refused,
}

struct Refused {
    count: Arc<AtomicU64>,
    unspoken: u64,
    spoken: Option<Instant>,
}

impl Inbox {
    pub(crate) fn new(
        router: Router,
        channels: Channels,
        encoding: Encoding,
        interests: Interests,
        everything: bool,
        refused: Arc<AtomicU64>,
    ) -> Self {
        Self {
            router,
            channels,
            encoding,
            interests,
            everything,
            gaps: HashSet::new(),
            last: None,
            has_types: false,
            refused: Refused { count: refused, unspoken: 0, spoken: None },
        }
    }

    pub(crate) fn message(&mut self, kind: Kind, channel: &str, payload: &[u8]) {
        // One PUBLISH that both a topic and its type are subscribed to arrives twice, directly behind each other.
        let event = match self.last.take() {
            Some(event) if kind == Kind::Pattern && self.is_copy(&event, channel, payload) => event,
            _ => {
                // A part of the read buffer would keep all of it.
                let Some(event) = self.event(channel, Bytes::copy_from_slice(payload)) else {
                    self.refused.count(channel);
                    return;
                };
                if self.has_types && kind != Kind::Pattern {
                    self.last = Some(event.clone());
                }
                event
            }
        };
        if !self.gaps.is_empty() {
            self.gap_before(kind, &event);
        }
        let scope = Scope {
            topic: kind != Kind::Pattern,
            event_type: kind == Kind::Pattern && !self.everything,
            everything: self.everything,
        };
        self.router.deliver(event, scope);
    }

    /// These are asked for now.
    pub(crate) fn asked<'a>(&mut self, interests: impl IntoIterator<Item = &'a Interest>) {
        self.has_types |= interests.into_iter().any(|interest| matches!(interest, Interest::Type(_)));
    }

    /// So many messages were lost here, and nobody knows whose they were unless there is only one it can be.
    pub(crate) fn lagged(&mut self, messages: u64) {
        self.last = None;
        let wanted = self.interests.wanted();
        let missed = (wanted.len() == 1).then_some(messages);
        tracing::warn!(messages, "messages from Redis came in faster than they were taken, and are lost");
        for interest in &wanted {
            self.router.report_gap(Some(interest), Gap::new(GapReason::TransportLag, missed));
        }
    }

    /// The connection is lost. The gap is told when an interest is active again, or a newer event comes.
    pub(crate) fn connection_lost(&mut self) {
        (self.last, self.has_types) = (None, false);
        self.gaps.extend(self.interests.connection_lost());
    }

    /// An interest is active.
    pub(crate) fn active(&mut self, interest: &Interest) {
        if self.gaps.remove(interest) {
            self.router.report_gap(Some(interest), Gap::new(GapReason::Reconnected, None));
        }
    }

    /// An interest will not be active. Who was told earlier that it is hears that it has ended.
    pub(crate) fn refused(&mut self, interest: &Interest, error: &Error) {
        self.active(interest);
        self.router.end_interest(interest, error, || self.interests.forget_ended(interest));
    }

    /// All interests are decided; what is left nobody wants any more.
    pub(crate) fn all_decided(&mut self) {
        self.gaps = HashSet::new();
    }

    /// Nothing will come any more.
    pub(crate) fn ended(&mut self) {
        for interest in std::mem::take(&mut self.gaps) {
            self.router.report_gap(Some(&interest), Gap::new(GapReason::Reconnected, None));
        }
    }

    #[cold]
    fn gap_before(&mut self, kind: Kind, event: &Event) {
        let interest = match kind {
            Kind::Pattern if self.everything => Interest::Everything,
            Kind::Pattern => Interest::Type(event.topic().event_type().clone()),
            Kind::Channel | Kind::Shard => Interest::Topic(event.topic().clone()),
        };
        self.active(&interest);
    }

    fn is_copy(&self, event: &Event, channel: &str, payload: &[u8]) -> bool {
        self.channels.parse(channel) == Some((event.topic().event_type().as_str(), event.topic().id()))
            && event.encode(&self.encoding).is_ok_and(|envelope| *envelope == *payload)
    }

    /// The event, if it is one and is what the channel says.
    fn event(&self, channel: &str, envelope: Bytes) -> Option<Event> {
        let named = self.channels.parse(channel)?;
        let split = self.encoding.split(&envelope).ok()?;
        if (&*split.event_type, &*split.id) != named {
            return None;
        }
        let topic = Topic::new(EventType::new(named.0).ok()?, named.1).ok()?;
        let parts = split.parts();
        Some(Event::from_parts(self.encoding.clone(), envelope, topic, parts))
    }
}

impl Refused {
    #[cold]
    fn count(&mut self, channel: &str) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.unspoken += 1;
        if self.spoken.is_none_or(|spoken| spoken.elapsed() >= LOG_EVERY) {
            tracing::warn!(
                channel,
                messages = self.unspoken,
                "messages are not the envelopes that their channels say, and were refused"
            );
            self.unspoken = 0;
            self.spoken = Some(Instant::now());
        }
    }
}
