//! The command line.

mod anonymous;
mod bearer;
mod bench;
mod byte_size;
mod command;
mod doctor;
mod hub_url;
mod origin;
mod publish;
mod redis_url;
mod remote;
mod serve;
mod subscribe;
mod token;

pub use anonymous::Anonymous;
pub(crate) use anonymous::Rights;
pub use bearer::BearerArgs;
pub use bench::{BenchArgs, Dialect, Transport};
pub use byte_size::ByteSize;
pub use command::{Cli, Command};
pub use doctor::DoctorArgs;
pub use hub_url::HubUrl;
pub use origin::AllowedOrigin;
pub(crate) use origin::normal as normal_origin;
pub use publish::PubArgs;
pub use redis_url::RedisUrl;
pub use remote::RemoteArgs;
pub use serve::{LogFormat, ServeArgs, SlowConsumer};
pub use subscribe::SubArgs;
pub use token::TokenArgs;
