//! Frames: what goes over a link, and its encoding.

mod control;
mod decode;
#[cfg(test)]
mod tests;
mod token;
mod wire;

pub use control::{Control, Welcome};
pub(crate) use decode::short;
pub use decode::{Frame, Refusal};
pub use token::BearerToken;
pub use wire::Wire;
