use alk_pubsub_core::{RoutedEventTarget, forward_event_target};

use crate::builder::Builder;
use crate::upstream::RedisUpstream;

/// An event target whose topic space is shared by all processes that use the same Redis and the same prefix.
///
/// A handle, cheap to clone. The target has two threads of its own and needs no runtime of its user's, except where a
/// method is awaited. When the last handle and the last subscription are gone, so are the threads and the connections.
#[derive(Debug, Clone)]
pub struct RedisEventTarget(pub(crate) RoutedEventTarget<RedisUpstream>);

impl RedisEventTarget {
    /// Begins a target for the server or servers at this URL:
    ///
    /// - `redis://user:password@host:6379`: a single server; with TLS `rediss://`
    /// - `redis-cluster://host:7000?node=other:7001`: a cluster; with TLS `rediss-cluster://`
    /// - `redis-sentinel://host:26379?sentinelServiceName=name`: the master that the sentinels know; with TLS `rediss-sentinel://`
    /// - `unix:///run/redis.sock`: a server's Unix socket
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
    /// use alk_pubsub_core::{Dynamic, PubSub};
    /// use alk_pubsub_redis::RedisEventTarget;
    ///
    /// let redis = RedisEventTarget::builder("redis://127.0.0.1:6379").prefix("alk:events:").connect().await?;
    /// let pubsub = PubSub::<Dynamic>::new(redis);
    /// # Ok(()) }
    /// ```
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    /// Begins a target over fred clients. `publish` is used as it is and may be shared with others; it must be
    /// initialised. `subscribe` lends its configuration: the subscribing connections carry nothing else, and are made and
    /// made again by the target.
    ///
    /// [`connect`](Builder::connect) checks their settings and names the one that is wrong. The publishing client must
    /// have a reconnect policy, `max_command_attempts` of 1 and `max_command_buffer_len` of 0; the subscribing client
    /// `version` RESP3 and `fail_fast`.
    #[cfg(feature = "fred-clients")]
    pub fn from_clients(publish: fred::clients::Client, subscribe: fred::clients::Client) -> Builder {
        Builder::with_clients(publish, subscribe)
    }

    /// Messages that were refused so far: what arrived on a channel was no envelope, or not one of the channel's topic.
    #[must_use]
    pub fn refused_messages(&self) -> u64 {
        self.0.upstream().refused_messages()
    }
}

forward_event_target!(RedisEventTarget, |redis| redis.0);
