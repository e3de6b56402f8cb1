use std::time::Duration;

use alk_pubsub_core::{Error, Event, Gap, Interest, Published, Scope};

use crate::frame::Control;

/// What the surroundings of a [`Machine`](super::Machine) are to do, in this order.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "effects are carried out one at a time and not kept")]
pub(in crate::spoke) enum Effect {
    /// Send this frame.
    Send(Control),
    /// Hand this event to those who listen.
    Deliver(Event, Scope),
    /// Tell the listeners of one interest, or all of them, that events are missing here.
    Gap(Option<Interest>, Gap),
    /// This interest is active: tell those who wait for it.
    Confirmed(Interest),
    /// The hub refuses this interest: tell those who wait for it.
    Refused(Interest, Error),
    /// This interest was active, and will not be again: end those who listen to it, if it
    /// [is to be forgotten](super::Machine::forget_refused).
    Ended(Interest, Error),
    /// The publish of this number was carried out, or refused.
    Published(u64, Result<Published, Error>),
    /// The hub refused something that nobody waits for.
    Complaint {
        /// Why, see [`ErrorCode`](crate::ErrorCode).
        code: String,
        /// The hub's words.
        message: String,
    },
    /// The token ends after so long: get another one, if there is another, and [send](super::Machine::refresh) it.
    Expiring(Duration),
    /// The hub has taken the new token, which ends after so long.
    Refreshed(Option<Duration>),
    /// The hub has not taken the new token.
    NotRefreshed {
        /// Why, see [`ErrorCode`](crate::ErrorCode).
        code: String,
        /// The hub's words.
        message: String,
    },
    /// All interests that were wanted when the hub said welcome are decided.
    Settled,
    /// Call [`Machine::retry`](super::Machine::retry) after a moment.
    RetryLater,
    /// The hub sent what a hub must not send. It was left out.
    Misbehaved(String),
    /// The hub speaks another version of the protocol.
    Incompatible(u32),
    /// The hub closes the link.
    Closing {
        /// Its words.
        reason: String,
        /// Whether to come back.
        reconnect: bool,
        /// After how long.
        retry: Option<Duration>,
    },
}
