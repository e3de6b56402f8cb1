use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use alk_pubsub::{EventType, Interest, NameError, Topic};

/// What a token allows: one topic, one type with all its ids, or everything.
///
/// | written | allows to listen to | allows to publish to |
/// | --- | --- | --- |
/// | `session.status:p1` | that topic | that topic |
/// | `session.status:*` | the whole type, and each of its topics | each of its topics |
/// | `*` | everything, each type, each topic | each topic |
///
/// A `*` anywhere else is a character like any other: ids may have it, and it stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One topic.
    Topic(Topic),
    /// A type, and all its topics.
    Type(EventType),
    /// Everything.
    Everything,
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |error: NameError| format!("the pattern `{text}` is none: {error}");
        match text.split_once(':') {
            None if text == "*" => Ok(Self::Everything),
            None => Err(format!(
                "the pattern `{text}` names no id: write `{text}:*` for the whole type, or `*` for everything"
            )),
            Some((event_type, "*")) => EventType::new(event_type).map(Self::Type).map_err(wrong),
            Some((event_type, id)) => EventType::new(event_type)
                .and_then(|event_type| Topic::new(event_type, id))
                .map(Self::Topic)
                .map_err(wrong),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => topic.fmt(f),
            Self::Type(event_type) => write!(f, "{event_type}:*"),
            Self::Everything => f.write_str("*"),
        }
    }
}

/// Several patterns, of which one has to match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Patterns {
    topics: HashSet<Topic>,
    types: HashSet<EventType>,
    everything: bool,
}

impl Patterns {
    pub(crate) fn allow_topic(&self, topic: &Topic) -> bool {
        self.everything || self.types.contains(topic.event_type()) || self.topics.contains(topic)
    }

    pub(crate) fn allow(&self, interest: &Interest) -> bool {
        match interest {
            Interest::Topic(topic) => self.allow_topic(topic),
            Interest::Type(event_type) => self.everything || self.types.contains(event_type),
            Interest::Everything => self.everything,
        }
    }
}

impl FromIterator<Pattern> for Patterns {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let mut all = Self::default();
        for pattern in patterns {
            match pattern {
                Pattern::Topic(topic) => drop(all.topics.insert(topic)),
                Pattern::Type(event_type) => drop(all.types.insert(event_type)),
                Pattern::Everything => all.everything = true,
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Patterns};

    #[test]
    fn what_a_pattern_matches() {
        for (pattern, yes, no) in [
            ("a:1", &["a:1"][..], &["a:2", "a:", "a", "b:1", "*", "a:1:2", "a:*"][..]),
            ("a:*", &["a", "a:1", "a:", "a:*", "a:x:y"], &["b", "b:1", "*", "aa:1", "a.b:1"]),
            ("*", &["*", "a", "a:1", "b:"], &[]),
            // Nothing but the star of its own stands for something.
            ("a:p*", &["a:p*"], &["a:p1", "a:p", "a"]),
            ("a:", &["a:"], &["a", "a:1"]),
        ] {
            let patterns: Patterns = [pattern.parse::<Pattern>().unwrap()].into_iter().collect();
            for (interests, allowed) in [(yes, true), (no, false)] {
                for interest in interests {
                    assert_eq!(
                        patterns.allow(&interest.parse().unwrap()),
                        allowed,
                        "{pattern} for {interest}"
                    );
                }
            }
            assert_eq!(pattern.parse::<Pattern>().unwrap().to_string(), pattern);
        }
        assert!(!Patterns::default().allow_topic(&"a:1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_pattern_is_told_how_to_write_it() {
        for (text, hint) in [
            ("a", "`a:*`"),
            ("", "`:*`"),
            ("a*", "`a*:*`"),
            ("__a:*", "reserved"),
            ("a b:1", ""),
            ("a:\n", ""),
        ] {
            let message = text.parse::<Pattern>().unwrap_err();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }
}
