//! The topics there are: quiet ones of small events, and a few loud ones of large events, which come faster than slow
//! subscribers read.

use std::ops::Range;

use rand::Rng;
use rand::rngs::StdRng;

/// Quiet types, and ids of each.
const TYPES: usize = 10;
const IDS: usize = 20;
/// How many topics are quiet.
pub(crate) const QUIET: usize = TYPES * IDS;
/// How many are loud, all of one type.
pub(crate) const LOUD: usize = 2;
/// How many there are, numbered from 0, the loud ones last.
pub(crate) const ALL: usize = QUIET + LOUD;

/// Type and id of a topic.
pub(crate) fn name(topic: usize) -> (String, String) {
    (format!("soak.{}", topic / IDS), (topic % IDS).to_string())
}

/// The topic of this type and id.
pub(crate) fn find(event_type: &str, id: &str) -> Option<usize> {
    let event_type: usize = event_type.strip_prefix("soak.")?.parse().ok()?;
    let id: usize = id.parse().ok()?;
    Some(event_type.checked_mul(IDS)? + id).filter(|topic| id < IDS && *topic < ALL)
}

/// The topics of the type that a topic is of.
pub(crate) fn siblings(topic: usize) -> Range<usize> {
    let first = topic / IDS * IDS;
    first..(first + IDS).min(ALL)
}

pub(crate) fn quiet(random: &mut StdRng) -> usize {
    random.random_range(0..QUIET)
}

pub(crate) fn loud(random: &mut StdRng) -> usize {
    random.random_range(QUIET..ALL)
}

#[cfg(test)]
mod tests {
    use super::{ALL, QUIET, find, name, siblings};

    #[test]
    fn a_topic_is_found_by_its_name() {
        for topic in 0..ALL {
            let (event_type, id) = name(topic);
            assert_eq!(find(&event_type, &id), Some(topic));
            assert!(siblings(topic).contains(&topic));
        }
        assert_eq!(siblings(QUIET), QUIET..ALL);
        for (event_type, id) in [("soak.99", "0"), ("soak.0", "99"), ("soak.10", "2"), ("soak.0", "20")] {
            assert_eq!(find(event_type, id), None, "{event_type}:{id}");
        }
    }
}
