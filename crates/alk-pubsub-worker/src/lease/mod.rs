//! One side's part in a topic space that others share, which ends without ending the space.

mod member;
mod over;
mod target;

pub(crate) use over::event_target_over_lease;
pub(crate) use target::Lease;
