use alk_pubsub_core::{Event, Interest};

use crate::frame::Control;

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
    /// Send nothing more, and close.
    Close(CloseCode, &'static str),
}

/// Tells attempts to subscribe to one interest apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub(super) u64);

/// Why a connection is closed; for a WebSocket the code of its close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseCode {
    /// 1000: done.
    Normal,
    /// 1001: the hub shuts down.
    GoingAway,
    /// 1008: not authorised, expired, or too many bad frames.
    Policy,
    /// 1009: a frame is too large.
    TooBig,
    /// 1013: the connection is too slow.
    TryAgain,
}

impl CloseCode {
    /// The number of RFC 6455, section 7.4.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            CloseCode::Normal => 1000,
            CloseCode::GoingAway => 1001,
            CloseCode::Policy => 1008,
            CloseCode::TooBig => 1009,
            CloseCode::TryAgain => 1013,
        }
    }
}
