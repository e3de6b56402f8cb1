use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use smol_str::SmolStr;

use super::event_type::EventType;
use super::hash;
use super::rules::{NameError, check_id};

/// An event type and the id of what the event is about, written `type:id`.
///
/// The id is 0–256 bytes of UTF-8 without control characters; the empty one means "about nothing in particular".
/// An id may contain `:`, the first `:` of a topic always ends the type. Cheap to clone; ids of up to 23 bytes
/// are held in place.
///
/// ```
/// use alk_pubsub_core::Topic;
///
/// let topic: Topic = "session.status:project:1".parse()?;
/// assert_eq!((topic.event_type().as_str(), topic.id()), ("session.status", "project:1"));
/// assert_eq!(topic.to_string(), "session.status:project:1");
/// # Ok::<(), alk_pubsub_core::NameError>(())
/// ```
#[derive(Clone)]
pub struct Topic {
    hash: u64,
    id: SmolStr,
    event_type: EventType,
}

impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        // What differs most often comes first. As text, which is compared faster than what keeps it.
        self.hash == other.hash
            && self.id() == other.id()
            && self.event_type.as_str() == other.event_type.as_str()
    }
}

impl Eq for Topic {}

impl Hash for Topic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// By type, then by id.
impl Ord for Topic {
    fn cmp(&self, other: &Self) -> Ordering {
        self.event_type.cmp(&other.event_type).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Topic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Topic {
    /// The topic of this type and id.
    ///
    /// # Errors
    ///
    /// [`NameError::IdTooLong`] or [`NameError::IdCharacter`].
    pub fn new(event_type: EventType, id: impl AsRef<str>) -> Result<Self, NameError> {
        let id = id.as_ref();
        check_id(id)?;
        let hash = hash::of_topic(event_type.as_str(), id);
        Ok(Self { hash, id: SmolStr::new(id), event_type })
    }

    /// Its hash, the same wherever in this process.
    pub(crate) fn hash_code(&self) -> u64 {
        self.hash
    }

    /// The type.
    #[must_use]
    pub fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// The id; may be empty.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.event_type, self.id)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl FromStr for Topic {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (event_type, id) = text.split_once(':').ok_or(NameError::NoId)?;
        Self::new(EventType::new(event_type)?, id)
    }
}
