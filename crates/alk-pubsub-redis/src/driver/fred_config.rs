//! The settings of the clients: from a URL and our own, or from clients that somebody brings.

use std::time::Duration;

use fred::types::RespVersion;
use fred::types::config::{
    Config as ClientConfig, ConnectionConfig, Options, PerformanceConfig, ServerConfig, TcpConfig,
};

use crate::config::Config;
use crate::error::{Error, ErrorKind};

/// How long a connection may take to be made, and its handshake after that.
const CONNECT: Duration = Duration::from_secs(5);

/// What clients are made with.
#[derive(Debug, Clone)]
pub(crate) struct FredConfig {
    pub(crate) client: ClientConfig,
    pub(crate) connection: ConnectionConfig,
    pub(crate) publish: Options,
    pub(crate) receive_capacity: usize,
}

impl FredConfig {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let (url, tls) = plain_url(&config.url)?;
        let mut client = ClientConfig::from_url(&url).map_err(|error| {
            Error::with_source(ErrorKind::Config, "the Redis URL is not understood", error)
        })?;
        client.version = RespVersion::RESP3;
        client.fail_fast = true;
        if config.username.is_some() {
            client.username.clone_from(&config.username);
        }
        if config.password.is_some() {
            client.password.clone_from(&config.password);
        }
        #[cfg(feature = "tls")]
        if tls || config.tls.is_some() {
            let rustls = match &config.tls {
                Some(rustls) => (**rustls).clone(),
                None => super::super::tls::native_roots()?,
            };
            client.tls = Some(fred::types::config::TlsConnector::from(rustls).into());
        }
        #[cfg(not(feature = "tls"))]
        if tls {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "TLS needs the feature `tls` of alk-pubsub-redis",
            ));
        }
        Ok(Self::from_parts(client, config))
    }

    pub(crate) fn from_parts(client: ClientConfig, config: &Config) -> Self {
        let connection = ConnectionConfig {
            connection_timeout: CONNECT,
            internal_command_timeout: CONNECT,
            // A second attempt may deliver twice what the first one delivered already.
            max_command_attempts: 1,
            // A bound here makes the client hang for good once it was reached. Ours is elsewhere.
            max_command_buffer_len: 0,
            tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
            ..ConnectionConfig::default()
        };
        let publish = Options {
            max_attempts: Some(1),
            timeout: Some(config.publish_timeout),
            fail_fast: true,
            ..Options::default()
        };
        Self { client, connection, publish, receive_capacity: config.receive_capacity }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.client.server, ServerConfig::Clustered { .. })
    }

    /// All notifications of a client get this capacity, and memory for it.
    pub(crate) fn performance(capacity: usize) -> PerformanceConfig {
        PerformanceConfig { broadcast_channel_capacity: capacity, ..PerformanceConfig::default() }
    }
}

/// The URL without what we take care of ourselves, and whether TLS is asked for.
fn plain_url(url: &str) -> Result<(String, bool), Error> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(Error::config("a Redis URL starts like `redis://`"));
    };
    let (plain, tls) = match scheme {
        "redis" | "redis-cluster" | "redis-sentinel" | "redis+unix" => (scheme, false),
        "unix" => ("redis+unix", false),
        "rediss" => ("redis", true),
        "rediss-cluster" => ("redis-cluster", true),
        "rediss-sentinel" => ("redis-sentinel", true),
        _ => {
            return Err(Error::config(format!(
                "`{scheme}` is no scheme of a Redis URL: it is redis, redis-cluster or redis-sentinel, with TLS rediss, \
                 rediss-cluster or rediss-sentinel, or unix"
            )));
        }
    };
    Ok((format!("{plain}://{rest}"), tls))
}

/// Whether clients that somebody brings will behave.
#[cfg(feature = "fred-clients")]
pub(crate) fn check_clients(
    publish: &fred::clients::Client,
    subscribe: &fred::clients::Client,
) -> Result<(), Error> {
    use fred::interfaces::ClientLike;

    let connection = publish.connection_config();
    if publish.client_reconnect_policy().is_none() {
        return Err(Error::config(
            "the publishing client has no reconnect policy: it would hang after its first loss",
        ));
    }
    if connection.max_command_attempts != 1 {
        return Err(Error::config(
            "`max_command_attempts` of the publishing client must be 1: a second attempt may deliver an event twice",
        ));
    }
    if connection.max_command_buffer_len != 0 {
        return Err(Error::config(
            "`max_command_buffer_len` of the publishing client must be 0: it hangs once such a bound is reached",
        ));
    }
    if subscribe.protocol_version() != RespVersion::RESP3 {
        return Err(Error::config("`version` of the subscribing client must be RESP3"));
    }
    if !subscribe.client_config().fail_fast {
        return Err(Error::config(
            "`fail_fast` of the subscribing client must be true: it would never fail to connect",
        ));
    }
    if subscribe.is_clustered() != publish.is_clustered() {
        return Err(Error::config("one of the clients is for a cluster and the other is not"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str) -> Result<FredConfig, Error> {
        FredConfig::new(&Config::new(url.to_owned()))
    }

    #[test]
    fn all_kinds_of_urls_are_understood() {
        for url in [
            "redis://127.0.0.1:6379",
            "redis://user:password@host/2",
            "redis-cluster://a:1?node=b:2&node=c:3",
            "redis-sentinel://a:26379?sentinelServiceName=main",
            "redis+unix:///tmp/redis.sock",
            "unix:///tmp/redis.sock",
        ] {
            client(url).unwrap();
        }
        assert!(client("redis-cluster://a:1").unwrap().is_cluster());
    }

    #[test]
    fn what_is_no_redis_url_is_a_configuration_error() {
        for url in ["", "127.0.0.1", "http://host", "redis://", "redis-sentinel://host"] {
            assert_eq!(client(url).unwrap_err().kind(), ErrorKind::Config, "{url}");
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn tls_without_its_feature_is_unsupported() {
        assert_eq!(client("rediss://host").unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
