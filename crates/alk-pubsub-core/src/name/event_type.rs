use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::hash;
use super::rules::{NameError, check_event_type};

/// The type of an event: what happened, for example `session.status`.
///
/// 1–128 bytes of `[A-Za-z0-9._/-]`, starting with a letter or digit. Types that start with `__` are reserved for
/// control messages and cannot be made. Cheap to clone.
///
/// ```
/// use alk_pubsub_core::EventType;
///
/// let status = EventType::new("session.status")?;
/// assert_eq!(status.as_str(), "session.status");
/// assert!(EventType::new("__subscribe").is_err());
/// # Ok::<(), alk_pubsub_core::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(SmolStr);

impl EventType {
    /// Checks `name` and takes it as an event type.
    ///
    /// # Errors
    ///
    /// A [`NameError`] that names the broken rule.
    pub fn new(name: impl AsRef<str>) -> Result<Self, NameError> {
        let name = name.as_ref();
        check_event_type(name)?;
        Ok(Self(SmolStr::new(name)))
    }

    /// An event type from a constant, checked at compile time where it is called in a `const`; never allocates.
    ///
    /// # Panics
    ///
    /// Where `name` is not an event type.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        if let Err(error) = check_event_type(name) {
            panic!("{}", error.message());
        }
        Self(SmolStr::new_static(name))
    }

    /// Its hash, the same wherever in this process.
    pub(crate) fn hash_code(&self) -> u64 {
        hash::of_type(&self.0)
    }

    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl AsRef<str> for EventType {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for EventType {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = SmolStr::from(String::deserialize(deserializer)?);
        Self::new(name).map_err(serde::de::Error::custom)
    }
}
