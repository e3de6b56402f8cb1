//! The runnable hub: the parts of alk-pubsub put together, and a command line.
//!
//! What the binary `alk-hub` does is [`run`]; [`Cli`] is its command line. For a hub within a program of your own use
//! the parts themselves, [`alk_pubsub::ws_server`] and [`alk_pubsub::sse`].

mod auth;
mod bench;
mod cli;
mod doctor;
mod error;
mod logging;
mod numbers;
mod page;
mod progress;
mod publish;
mod remote;
mod run;
mod serve;
mod signals;
mod subscribe;

pub use auth::Pattern;
pub use cli::{
    AllowedOrigin, Anonymous, BearerArgs, BenchArgs, ByteSize, Cli, Command, Dialect, DoctorArgs, HubUrl,
    LogFormat, PubArgs, RedisUrl, RemoteArgs, ServeArgs, SlowConsumer, SubArgs, TokenArgs, Transport,
};
pub use run::run;
