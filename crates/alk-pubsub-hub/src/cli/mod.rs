//! The command line.

mod anonymous;
mod byte_size;
mod command;
mod serve;

pub use anonymous::Anonymous;
pub(crate) use anonymous::{NO_PUBLISH, NO_SUBSCRIBE, Rights};
pub use byte_size::ByteSize;
pub use command::{Cli, Command};
pub use serve::{LogFormat, ServeArgs, SlowConsumer};
