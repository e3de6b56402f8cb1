//! What carries frames from one end of a link to the other.

mod frames;
mod length_delimited;
mod memory;
mod pipe;
#[cfg(test)]
mod tests;

pub(crate) use frames::prefixed;
pub use frames::{Frames, LengthPrefixed};
pub use length_delimited::LengthDelimited;
pub use memory::{MemoryPipe, memory_pipe};
pub use pipe::{Pipe, Received};
