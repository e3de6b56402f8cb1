//! How an envelope becomes bytes and bytes become an envelope.
//!
//! An [`Encoding`] is JSON, MessagePack (feature `msgpack`) or a [`Codec`] of your own. An envelope is split without
//! its payload being decoded: only a typed subscriber does that.

mod custom;
mod encoding;
mod json;
#[cfg(feature = "msgpack")]
mod msgpack;
mod split;
#[cfg(test)]
mod tests;

pub use custom::Codec;
pub use encoding::Encoding;
pub use split::{Parts, Split};
