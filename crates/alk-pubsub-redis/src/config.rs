//! What a target can be told.

use std::fmt;
use std::time::Duration;

use alk_pubsub_core::Encoding;

use crate::reconnect::Reconnect;

/// What happens to events that are published while there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Offline {
    /// They fail at once, as [`Disconnected`](alk_pubsub_core::ErrorKind::Disconnected). The default.
    #[default]
    Fail,
    /// So many bytes of envelopes wait for the next connection, and are sent in order then; a publish resolves when its
    /// event was sent. Beyond that they fail.
    Buffer {
        /// The most bytes of envelopes that wait.
        bytes: usize,
    },
}

/// All settings, with their defaults.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) url: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) prefix: String,
    pub(crate) codec: Encoding,
    pub(crate) connect_timeout: Duration,
    pub(crate) subscribe_timeout: Duration,
    pub(crate) publish_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) reconnect: Reconnect,
    pub(crate) max_in_flight: usize,
    pub(crate) max_envelope_bytes: usize,
    pub(crate) offline: Offline,
    pub(crate) sharded: bool,
    pub(crate) receive_capacity: usize,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

impl Config {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            username: None,
            password: None,
            prefix: "alk:events:".to_owned(),
            codec: Encoding::JSON,
            connect_timeout: Duration::from_secs(10),
            subscribe_timeout: alk_pubsub_core::DEFAULT_SUBSCRIBE_TIMEOUT,
            publish_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
            reconnect: Reconnect::default(),
            max_in_flight: 1024,
            max_envelope_bytes: 8 << 20,
            offline: Offline::Fail,
            sharded: false,
            receive_capacity: 16_384,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl fmt::Debug for Config {
    /// Without user, password and the URL, which may have both.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("prefix", &self.prefix)
            .field("codec", &self.codec)
            .field("connect_timeout", &self.connect_timeout)
            .field("reconnect", &self.reconnect)
            .field("max_in_flight", &self.max_in_flight)
            .field("offline", &self.offline)
            .field("sharded", &self.sharded)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut config = Config::new("redis://user:secret@host".to_owned());
        config.password = Some("secret".to_owned());
        assert!(!format!("{config:?}").contains("secret"));
    }
}
