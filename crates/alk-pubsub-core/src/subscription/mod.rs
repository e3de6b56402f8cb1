//! What a subscriber holds: a stream of decoded events, with or without its gaps.

mod gaps;
mod receive;
mod typed;

pub use gaps::{Delivery, WithGaps};
pub use receive::{Recv, RecvMany, TryRecvError};
pub use typed::Subscription;
