use alk_pubsub_core::{Event, Interest};

use crate::close_code::CloseCode;
use crate::frame::{BearerToken, Control};

/// What the surroundings of a [`Machine`](super::Machine) are to do, in this order.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "effects are carried out one at a time and not kept")]
pub enum Effect {
    /// Send this frame.
    Send(Control),
    /// Subscribe at the target and say how it went by [`Machine::subscribed`](super::Machine::subscribed).
    Subscribe(Token, Interest),
    /// Unsubscribe, or forget the subscription that is under way.
    Unsubscribe(Interest),
    /// Dispatch to the target and say how it went by [`Machine::published`](super::Machine::published).
    Publish(Option<String>, Event),
    /// Have a new token looked at and say how it went by [`Machine::refreshed`](super::Machine::refreshed).
    Refresh(String, BearerToken),
    /// Send nothing more, and close.
    Close(CloseCode, &'static str),
}

/// Tells attempts to subscribe to one interest apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub(super) u64);
