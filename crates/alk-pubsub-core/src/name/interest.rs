use std::fmt;
use std::str::FromStr;

use super::event_type::EventType;
use super::rules::NameError;
use super::topic::Topic;

/// What a listener wants to hear: one topic, every id of a type, or everything.
///
/// Written as one string: `*` is everything, and otherwise the first `:` decides whether it is a topic or a type.
///
/// ```
/// use alk_pubsub_core::Interest;
///
/// let one: Interest = "session.status:p1".parse()?;
/// let every: Interest = "session.status".parse()?;
/// assert!(every.covers(&one) && Interest::Everything.covers(&every));
/// # Ok::<(), alk_pubsub_core::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interest {
    /// The events of one topic.
    Topic(Topic),
    /// The events of a type, whatever their id.
    Type(EventType),
    /// All events.
    Everything,
}

impl Interest {
    /// Whether an event of `topic` is of interest.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        match self {
            Interest::Topic(own) => own == topic,
            Interest::Type(own) => own == topic.event_type(),
            Interest::Everything => true,
        }
    }

    /// Whether an event can match both.
    pub(crate) fn overlaps(&self, other: &Interest) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// Its hash, the same wherever in this process.
    pub(crate) fn hash_code(&self) -> u64 {
        match self {
            Interest::Topic(topic) => topic.hash_code(),
            Interest::Type(event_type) => event_type.hash_code(),
            Interest::Everything => 0,
        }
    }

    /// Whether everything that `other` matches is matched by this too.
    #[must_use]
    pub fn covers(&self, other: &Interest) -> bool {
        match (self, other) {
            (Interest::Everything, _) => true,
            (Interest::Type(own), Interest::Topic(topic)) => own == topic.event_type(),
            _ => self == other,
        }
    }
}

impl fmt::Display for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interest::Topic(topic) => topic.fmt(f),
            Interest::Type(event_type) => event_type.fmt(f),
            Interest::Everything => f.write_str("*"),
        }
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl FromStr for Interest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "*" {
            Ok(Interest::Everything)
        } else if text.contains(':') {
            text.parse().map(Interest::Topic)
        } else {
            text.parse().map(Interest::Type)
        }
    }
}

impl From<Topic> for Interest {
    fn from(topic: Topic) -> Self {
        Interest::Topic(topic)
    }
}

impl From<EventType> for Interest {
    fn from(event_type: EventType) -> Self {
        Interest::Type(event_type)
    }
}
