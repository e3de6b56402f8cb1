//! What events are called: types, ids, topics, and the interests of those who listen.
//!
//! Every name is checked once, in its constructor. Code that holds an [`EventType`], a [`Topic`] or an
//! [`Interest`] holds a valid one.

mod event_type;
mod hash;
mod interest;
mod rules;
mod topic;

pub use event_type::EventType;
pub use interest::Interest;
pub use rules::{MAX_ID_BYTES, MAX_TYPE_BYTES, NameError, check_event_type, check_id};
pub use topic::Topic;
