use std::fmt;
use std::time::Duration;

use alk_pubsub_core::{ConnectionState, Encoding, RoutedEventTarget, Router};

use crate::channels::Channels;
use crate::config::{Config, Offline};
use crate::driver::{FredConfig, FredDriver};
use crate::error::{Error, ErrorKind};
use crate::parts::Parts;
use crate::reconnect::Reconnect;
use crate::target::RedisEventTarget;
use crate::threads::Threads;

/// What a [`RedisEventTarget`] is connected with. Made by [`RedisEventTarget::builder`].
#[must_use = "it does nothing until it is connected"]
pub struct Builder {
    config: Config,
    #[cfg(feature = "fred-clients")]
    clients: Option<(fred::clients::Client, fred::clients::Client)>,
}

impl Builder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            config: Config::new(url),
            #[cfg(feature = "fred-clients")]
            clients: None,
        }
    }

    #[cfg(feature = "fred-clients")]
    pub(crate) fn with_clients(publish: fred::clients::Client, subscribe: fred::clients::Client) -> Self {
        Self { config: Config::new(String::new()), clients: Some((publish, subscribe)) }
    }

    /// What all channels start with: targets with the same prefix share one topic space. Default `alk:events:`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.config.prefix = prefix.into();
        self
    }

    /// How envelopes are written; all who share a topic space must agree. Default [`Encoding::JSON`].
    pub fn codec(mut self, codec: Encoding) -> Self {
        self.config.codec = codec;
        self
    }

    /// The user to authenticate as; instead of one in the URL.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.config.username = Some(username.into());
        self
    }

    /// The password to authenticate with; instead of one in the URL.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.config.password = Some(password.into());
        self
    }

    /// The TLS settings, instead of those that trust what the system trusts. Turns TLS on whatever the URL says.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: std::sync::Arc<rustls::ClientConfig>) -> Self {
        self.config.tls = Some(tls);
        self
    }

    /// How long [`connect`](Self::connect) tries. Default 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How long a subscription waits to be confirmed, reconnecting included. Default 10 s.
    pub fn subscribe_timeout(mut self, timeout: Duration) -> Self {
        self.config.subscribe_timeout = timeout;
        self
    }

    /// How long a published event waits for the server's answer; after that the connection is taken for lost. Default 5 s.
    pub fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.config.publish_timeout = timeout;
        self
    }

    /// How long [`close`](alk_pubsub_core::EventTarget::close) waits for events on their way. Default 5 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.config.close_timeout = timeout;
        self
    }

    /// How soon a lost connection is made again. Default 100 ms to 10 s, for ever.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.config.reconnect = reconnect;
        self
    }

    /// How many events may be on their way to the server unanswered; further ones wait their turn. Default 1024.
    pub fn max_in_flight(mut self, events: usize) -> Self {
        self.config.max_in_flight = events;
        self
    }

    /// The largest envelope, in bytes; a larger one is refused as
    /// [`TooLarge`](alk_pubsub_core::ErrorKind::TooLarge). Default 8 MiB.
    pub fn max_envelope_bytes(mut self, bytes: usize) -> Self {
        self.config.max_envelope_bytes = bytes;
        self
    }

    /// What happens to events that are published while there is no connection. Default [`Offline::Fail`].
    pub fn offline(mut self, offline: Offline) -> Self {
        self.config.offline = offline;
        self
    }

    /// Uses the sharded channels of a cluster (`SPUBLISH`, `SSUBSCRIBE`, Redis 7 and later), which do not cross it. A
    /// subscription to a type or to everything is then
    /// [`Unsupported`](alk_pubsub_core::ErrorKind::Unsupported). Default false.
    pub fn sharded(mut self, sharded: bool) -> Self {
        self.config.sharded = sharded;
        self
    }

    /// How many messages may wait between being read and being sorted. They are sorted whenever what was there has been read,
    /// or about 1 MiB of it, so as many are to have room as come in 1 MiB (in twice your largest event, if that is more): what
    /// has none is lost, the oldest first, as a gap. Rounded up to a power of two; each takes about 720 bytes. Default 16,384,
    /// which is enough for messages of 64 bytes, with 29 bytes and their channel's name counted in; at most 1,048,576.
    pub fn receive_capacity(mut self, messages: usize) -> Self {
        self.config.receive_capacity = messages;
        self
    }

    /// Connects: resolves when both the publishing and the subscribing connection are there. From then on lost
    /// connections are made again by themselves.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config), [`Auth`](ErrorKind::Auth), [`Tls`](ErrorKind::Tls) at once;
    /// [`Timeout`](ErrorKind::Timeout) when nothing else came of it in time, with the last failure as its source.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no connection behind.
    pub async fn connect(self) -> Result<RedisEventTarget, Error> {
        let limit = self.config.connect_timeout;
        let target = self.make()?;
        let status = &target.0.upstream().status;
        let mut state = status.watch();
        let decided =
            |state: &ConnectionState| matches!(state, ConnectionState::Connected | ConnectionState::Closed);
        let reached = tokio::time::timeout(limit, state.wait_for(decided)).await.map(|_| ());
        match (reached, status.failure()) {
            (_, Some(error)) => Err(error),
            (Ok(()), None) => Ok(target),
            (Err(_), None) => {
                let message = format!("Redis could not be connected to within {limit:?}");
                Err(match status.last_error() {
                    Some(last) => Error::with_source(ErrorKind::Timeout, message, last),
                    None => Error::new(ErrorKind::Timeout, message),
                })
            }
        }
    }

    /// Connects, or begins to: as [`connect`](Self::connect), but resolves as soon as an attempt has failed for a reason that
    /// may pass, to a target that goes on trying for as long as it exists. For a service that may be there before its Redis.
    ///
    /// Until it is connected its state is [`Connecting`](ConnectionState::Connecting); a publish does what
    /// [`offline`](Self::offline) says, and a subscribe waits until its timeout. If it turns out later that the server does
    /// not let it in, its state is [`Closed`](ConnectionState::Closed), and whoever waits is told the error.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config), [`Auth`](ErrorKind::Auth), [`Tls`](ErrorKind::Tls), if that is what came of the first
    /// attempt.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no connection behind.
    pub async fn start(self) -> Result<RedisEventTarget, Error> {
        let target = self.make()?;
        let status = &target.0.upstream().status;
        status.tried().await;
        status.failure().map_or_else(|| Ok(target.clone()), Err)
    }

    /// Connects for a moment, sends these commands one after the other, and returns what the server answered: strings and
    /// numbers as text, lists and maps as what is in them. For programs that look at how a server is set up, by `INFO`,
    /// `CONFIG GET` or `TIME`; a cluster answers with one of its nodes. Commands of the subscriber mode have no answer.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect). What is wrong with a command stands in its place:
    /// [`Denied`](ErrorKind::Denied) where the user may not send it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no connection behind.
    pub async fn ask(self, commands: &[&[&str]]) -> Result<Vec<Result<Vec<String>, Error>>, Error> {
        let limit = self.config.connect_timeout;
        let asking = crate::driver::ask(FredConfig::new(&self.config)?, commands);
        let late = |_| Error::new(ErrorKind::Timeout, format!("Redis did not answer within {limit:?}"));
        tokio::time::timeout(limit, asking).await.map_err(late)?
    }

    fn make(self) -> Result<RedisEventTarget, Error> {
        let config = self.config;
        let channels = Channels::new(config.prefix.clone(), config.sharded)?;
        if config.max_in_flight == 0 || config.receive_capacity == 0 {
            return Err(Error::config("`max_in_flight` and `receive_capacity` must be at least 1"));
        }
        if config.receive_capacity > 1 << 20 {
            return Err(Error::config("`receive_capacity` must be at most 1,048,576"));
        }
        let threads = Threads::new();
        let started = |cause| Error::with_source(ErrorKind::Config, "a thread cannot be started", cause);
        #[cfg(feature = "fred-clients")]
        let (client, publisher) = match self.clients {
            Some((publish, subscribe)) => {
                use fred::interfaces::ClientLike;
                crate::driver::check_clients(&publish, &subscribe)?;
                (FredConfig::from_parts(subscribe.client_config(), &config), Some(publish))
            }
            None => (FredConfig::new(&config)?, None),
        };
        #[cfg(not(feature = "fred-clients"))]
        let (client, publisher) = (FredConfig::new(&config)?, None);
        if config.sharded && !client.is_cluster() {
            return Err(Error::new(ErrorKind::Unsupported, "sharded channels need a cluster"));
        }
        let driver = FredDriver::new(client, publisher, config.sharded);

        let mut failed = None;
        let timeout = config.subscribe_timeout;
        let make = |router: Router| {
            let (upstream, publishing, reading) =
                Parts { router, channels, config, driver }.assemble(threads);
            let threads = &upstream.threads;
            let spawned = threads
                .spawn("alk-redis-read", reading)
                .and_then(|()| threads.spawn("alk-redis", publishing));
            failed = spawned.err();
            upstream
        };
        let target = RoutedEventTarget::with_subscribe_timeout(make, timeout);
        match failed {
            Some(cause) => Err(started(cause)),
            None => Ok(RedisEventTarget(target)),
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Builder").field(&self.config).finish()
    }
}
