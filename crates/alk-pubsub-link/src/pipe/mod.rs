//! What carries frames from one end of a link to the other.

mod contract;
mod frames;
mod length_delimited;
mod memory;
#[cfg(test)]
mod tests;

pub use contract::{Pipe, Received};
pub(crate) use frames::prefixed;
pub use frames::{Frames, LengthPrefixed};
pub use length_delimited::LengthDelimited;
pub use memory::{MemoryPipe, memory_pipe};
