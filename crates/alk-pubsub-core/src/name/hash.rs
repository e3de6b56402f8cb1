//! One hash function of names for the whole process, so that a topic works out its hash once.

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use foldhash::quality::RandomState;

/// Seeded at random, since names come from outside.
static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::default);

pub(super) fn of_topic(event_type: &str, id: &str) -> u64 {
    let mut hasher = STATE.build_hasher();
    hasher.write(id.as_bytes());
    // No byte of a type is zero, and no id ends like a type that follows one.
    hasher.write_u8(0);
    hasher.write(event_type.as_bytes());
    hasher.finish()
}

pub(super) fn of_type(event_type: &str) -> u64 {
    let mut hasher = STATE.build_hasher();
    hasher.write(event_type.as_bytes());
    hasher.finish()
}
