use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::bearer::BearerArgs;
use super::byte_size::ByteSize;
use super::hub_url::HubUrl;

const EXAMPLES: &str = "\
Examples:
  alk-hub bench                                         100 WebSockets, 64 events on their way at a time
  alk-hub bench --connections 1000 --window 1           one event at a time: the next when everybody has it
  alk-hub bench --connections 1000 --rate 50            50 events a second: what matters is how late they are
  alk-hub bench --transport sse --json | jq .latency_us

One connection publishes, the others listen, all to one topic that nobody else uses. Its one thread takes a processor for
itself: measure from another machine, or pin the hub and this to a core each.

It ends with 0 when everybody received everything in order, apart from what the hub said that it left out, and with 1 otherwise.";

/// The options of `alk-hub bench`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// The hub to load, without TLS [default: ws://127.0.0.1:7400/ws]
    #[arg(
        long,
        env = "ALK_HUB_HUB",
        hide_env_values = true,
        value_name = "URL",
        default_value_t,
        hide_default_value = true
    )]
    pub hub: HubUrl,

    /// How listeners are connected. Event streams are looked for beside the WebSockets, at /events
    #[arg(long, env = "ALK_HUB_TRANSPORT", value_enum, default_value = "ws", value_name = "HOW")]
    pub transport: Transport,

    /// How many listeners
    #[arg(long, env = "ALK_HUB_CONNECTIONS", default_value = "100", value_name = "N")]
    pub connections: NonZeroUsize,

    /// How many events are on their way at a time: as fast as the hub delivers them
    #[arg(long, env = "ALK_HUB_WINDOW", default_value = "64", value_name = "N", conflicts_with = "rate")]
    pub window: NonZeroU32,

    /// How many events are published in a second, whatever the hub does
    #[arg(long, env = "ALK_HUB_RATE", value_name = "N")]
    pub rate: Option<NonZeroU32>,

    /// How long it measures
    #[arg(long, env = "ALK_HUB_DURATION", default_value = "10s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub duration: Duration,

    /// How long it does the same before it measures
    #[arg(long, env = "ALK_HUB_WARM_UP", default_value = "1s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,

    /// How large a payload is; its envelope adds some 50 bytes
    #[arg(long, env = "ALK_HUB_PAYLOAD_BYTES", default_value = "150", value_name = "SIZE", value_parser = payload)]
    pub payload_bytes: ByteSize,

    /// The token to connect with.
    #[command(flatten)]
    pub bearer: BearerArgs,

    /// What the hub speaks: another one may be measured beside ours
    #[arg(
        long,
        env = "ALK_HUB_DIALECT",
        hide = true,
        value_enum,
        default_value = "alk",
        value_name = "DIALECT"
    )]
    pub dialect: Dialect,

    /// Write JSON: a line when all are connected, one when it begins to measure, one with what it found
    #[arg(long, env = "ALK_HUB_JSON")]
    pub json: bool,
}

/// How listeners are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// WebSockets
    Ws,
    /// Streams of server-sent events
    Sse,
}

/// What a hub speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// The wire protocol of alk-pubsub
    Alk,
    /// That of NATS, in WebSocket messages
    Nats,
    /// Of nginx with nchan: bare events, published at /pub and heard at /sub
    Nchan,
}

fn payload(text: &str) -> Result<ByteSize, String> {
    ByteSize::parse_within(text, ByteSize::new(64), ByteSize::new(16 << 20))
}
