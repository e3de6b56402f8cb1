use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use alk_pubsub::{Bounds, Overflow};
use clap::{Args, ValueEnum};

use super::anonymous::Anonymous;
use super::byte_size::ByteSize;
use super::origin::AllowedOrigin;
use super::redis_url::RedisUrl;
use super::remote::PREFIX;

const EXAMPLES: &str = "\
Examples:
  alk-hub serve                                         on this machine, for this machine
  alk-hub serve --redis redis://cache:6379              one of many hubs with one topic space
  alk-hub serve --listen 0.0.0.0:7400 --jwt-secret-file secret
  alk-hub serve --listen 0.0.0.0:7400 --allow-anonymous subscribe

It ends with 0 after a shutdown, and with 1 if it cannot start, if Redis is lost for good, or if it was told to end at once.";

/// The options of `alk-hub serve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "ALK_HUB_LISTEN", default_value = "127.0.0.1:7400", value_name = "HOST:PORT", value_parser = address)]
    pub listen: String,

    /// Share events, through Redis, with all hubs that have the same Redis and prefix: redis://, redis-cluster://,
    /// redis-sentinel://, with TLS rediss:// and so on, or unix://. Without it events stay within this hub
    #[arg(long, env = "ALK_HUB_REDIS", hide_env_values = true, value_name = "URL")]
    pub redis: Option<RedisUrl>,

    /// What the names of Redis channels start with
    #[arg(long, env = "ALK_HUB_PREFIX", default_value = PREFIX, value_name = "PREFIX")]
    pub prefix: String,

    /// Ask clients for JSON web tokens that were signed, HS256, with the secret in this file: at least 32 bytes. `alk-hub token`
    /// makes them
    #[arg(
        long,
        env = "ALK_HUB_JWT_SECRET_FILE",
        value_name = "FILE",
        conflicts_with = "jwt_public_key_file"
    )]
    pub jwt_secret_file: Option<PathBuf>,

    /// Ask clients for JSON web tokens that were signed with the private key of the public key in this file: PEM of RSA (RS256), EC
    /// P-256 (ES256) or Ed25519 (EdDSA), or a JWKS file with several
    #[arg(long, env = "ALK_HUB_JWT_PUBLIC_KEY_FILE", value_name = "FILE")]
    pub jwt_public_key_file: Option<PathBuf>,

    /// What clients may do that have not said who they are. Any address but a loopback one needs this or one of the two
    /// before it; without any of them everybody on a loopback address may do everything
    #[arg(long, env = "ALK_HUB_ALLOW_ANONYMOUS", value_delimiter = ',', value_enum, value_name = "WHAT")]
    pub allow_anonymous: Vec<Anonymous>,

    /// Whose web pages may use the hub, beside its own: https://app.example, or * for all. May be given several times. A hub
    /// behind a proxy needs the address that browsers know it by
    #[allow(rustdoc::bare_urls, reason = "--help shows the text as it is")]
    #[arg(long, env = "ALK_HUB_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub allow_origin: Vec<AllowedOrigin>,

    /// Serve https and wss with this certificate, and those that lead to an authority, in PEM. SIGHUP has it read again
    #[arg(long, env = "ALK_HUB_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of the certificate, in PEM
    #[arg(long, env = "ALK_HUB_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// How many WebSockets and event streams there may be
    #[arg(long, env = "ALK_HUB_MAX_CONNECTIONS", default_value = "10000", value_name = "N")]
    pub max_connections: NonZeroUsize,

    /// How many connections one address may have, whatever they are for; of IPv6 addresses, one network of 64 bits. Behind a
    /// proxy all are the proxy's [default: half of --max-connections, and 128]
    #[arg(long, env = "ALK_HUB_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    pub max_connections_per_address: Option<NonZeroUsize>,

    /// How long a TLS handshake and the head of a request may take, and how long a connection stays that asks for nothing
    #[arg(long, env = "ALK_HUB_HANDSHAKE_TIMEOUT", default_value = "10s", value_name = "TIME", value_parser = some_time)]
    pub handshake_timeout: Duration,

    /// How many topics one client may subscribe to
    #[arg(long, env = "ALK_HUB_MAX_TOPICS", default_value = "128", value_name = "N")]
    pub max_topics: NonZeroUsize,

    /// The largest event that a client may publish
    #[arg(long, env = "ALK_HUB_MAX_FRAME", default_value = "64KiB", value_name = "SIZE", value_parser = frame)]
    pub max_frame: ByteSize,

    /// How much may wait for one client that reads slowly; an event counts at least 128 bytes
    #[arg(long, env = "ALK_HUB_QUEUE", default_value = "1MiB", value_name = "SIZE", value_parser = queue)]
    pub queue: ByteSize,

    /// What happens to a client for which more waits than that
    #[arg(
        long,
        env = "ALK_HUB_SLOW_CONSUMER",
        default_value = "drop-oldest",
        value_enum,
        value_name = "WHAT"
    )]
    pub slow_consumer: SlowConsumer,

    /// How many events a connection may publish in a second. Without it: as many as it can
    #[arg(long, env = "ALK_HUB_MAX_PUBLISH_RATE", value_name = "N")]
    pub max_publish_rate: Option<NonZeroU32>,

    /// How long a shutdown waits for clients to leave
    #[arg(long, env = "ALK_HUB_DRAIN", default_value = "30s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub drain: Duration,

    /// How logs are written, on standard error. ALK_HUB_LOG sets the level
    #[arg(long, env = "ALK_HUB_LOG_FORMAT", default_value = "text", value_enum, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// What happens to a client that reads too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SlowConsumer {
    /// It misses the oldest events and is told so
    DropOldest,
    /// Its connection is closed
    Close,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object on each line
    Json,
}

/// How many connections an address may have for requests that are over in a moment, beside those that last.
const SHORT_ONES: usize = 128;
const KIB: usize = 1 << 10;
/// What an event counts at least, so that many small ones have a bound too.
const LEAST_EVENT: usize = 128;

/// Whether it looks like an address; whether it is one is found out when it is listened on.
fn address(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let is_host = !host.is_empty() && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')));
    if is_host && port.parse::<u16>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err("write an address and a port, as in 127.0.0.1:7400, localhost:7400 or [::1]:7400".to_owned())
    }
}

fn frame(text: &str) -> Result<ByteSize, String> {
    ByteSize::parse_within(text, ByteSize::new(KIB), ByteSize::new(16 << 20))
}

fn queue(text: &str) -> Result<ByteSize, String> {
    ByteSize::parse_within(text, ByteSize::new(16 * KIB), ByteSize::new(1 << 30))
}

fn some_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("nobody is that fast".to_owned()) } else { Ok(time) }
}

impl ServeArgs {
    /// Whether clients are asked for tokens.
    pub(crate) fn asks_for_tokens(&self) -> bool {
        self.jwt_secret_file.is_some() || self.jwt_public_key_file.is_some()
    }

    /// How many connections one address may have.
    pub(crate) fn connections_per_address(&self) -> usize {
        let half = self.max_connections.get() / 2 + SHORT_ONES;
        self.max_connections_per_address.map_or(half, NonZeroUsize::get)
    }

    /// What may wait for one client, and what happens then.
    pub(crate) fn bounds(&self) -> Bounds {
        let overflow = match self.slow_consumer {
            SlowConsumer::DropOldest => Overflow::DropOldest,
            SlowConsumer::Close => Overflow::Close,
        };
        let bytes = self.queue.bytes();
        Bounds::default().events(bytes / LEAST_EVENT).bytes(bytes).overflow(overflow)
    }
}
