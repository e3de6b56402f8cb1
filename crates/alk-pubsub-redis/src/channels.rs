//! Which channel or pattern stands for what.

use alk_pubsub_core::{EventType, Interest, Topic};

use crate::driver::Kind;
use crate::error::Error;
use crate::glob::escape;

/// The channels of one topic space.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    prefix: String,
    sharded: bool,
}

impl Channels {
    pub(crate) fn new(prefix: String, sharded: bool) -> Result<Self, Error> {
        if prefix.starts_with("__keyspace@") || prefix.starts_with("__keyevent@") {
            return Err(Error::config("a prefix must not start like the channels of keyspace notifications"));
        }
        if prefix.chars().any(char::is_control) {
            return Err(Error::config("the prefix has a control character"));
        }
        Ok(Self { prefix, sharded })
    }

    pub(crate) fn channel(&self, topic: &Topic) -> String {
        let (event_type, id) = (topic.event_type().as_str(), topic.id());
        let mut channel = String::with_capacity(self.prefix.len() + event_type.len() + 1 + id.len());
        channel.push_str(&self.prefix);
        channel.push_str(event_type);
        channel.push(':');
        channel.push_str(id);
        channel
    }

    /// What to subscribe to for an interest.
    pub(crate) fn name(&self, interest: &Interest) -> (Kind, String) {
        match interest {
            Interest::Topic(topic) if self.sharded => (Kind::Shard, self.channel(topic)),
            Interest::Topic(topic) => (Kind::Channel, self.channel(topic)),
            Interest::Type(event_type) => (Kind::Pattern, self.type_pattern(event_type)),
            Interest::Everything => (Kind::Pattern, format!("{}*", escape(&self.prefix))),
        }
    }

    fn type_pattern(&self, event_type: &EventType) -> String {
        format!("{}{}:*", escape(&self.prefix), escape(event_type.as_str()))
    }

    /// The type and id that a channel's name says.
    pub(crate) fn parse<'a>(&self, channel: &'a str) -> Option<(&'a str, &'a str)> {
        channel.strip_prefix(&*self.prefix)?.split_once(':')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(prefix: &str) -> Channels {
        Channels::new(prefix.to_owned(), false).unwrap()
    }

    #[test]
    fn interests_become_channels_and_patterns() {
        let channels = channels("alk:[1]-");
        let name = |interest: &str| channels.name(&interest.parse().unwrap());
        assert_eq!(name("session.status:p:1"), (Kind::Channel, "alk:[1]-session.status:p:1".to_owned()));
        assert_eq!(name("a-b/c"), (Kind::Pattern, r"alk:\[1\]\-a\-b/c:*".to_owned()));
        assert_eq!(name("*"), (Kind::Pattern, r"alk:\[1\]\-*".to_owned()));
    }

    #[test]
    fn a_channel_says_its_topic() {
        let channels = channels("p:");
        assert_eq!(channels.parse("p:a.b:c:d"), Some(("a.b", "c:d")));
        assert_eq!(channels.parse("p:a.b:"), Some(("a.b", "")));
        assert_eq!(channels.parse("p:a.b"), None);
        assert_eq!(channels.parse("q:a:b"), None);
    }

    #[test]
    fn channels_that_never_arrive_are_refused() {
        assert!(Channels::new("__keyspace@0__:".to_owned(), false).is_err());
        assert!(Channels::new("a\nb".to_owned(), false).is_err());
    }
}
