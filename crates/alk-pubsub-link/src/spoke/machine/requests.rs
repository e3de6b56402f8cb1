use std::collections::HashMap;

use alk_pubsub_core::Interest;

use super::interest::Step;

/// The longest line of interests that goes into one frame is known once the hub has said how large a frame may be.
const FRAME_OVERHEAD: usize = 96;

/// Questions to the hub that are not answered yet, by their number.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: HashMap<u64, Request>,
    last: u64,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) step: Step,
    /// Interests that are not decided yet.
    pub(super) open: Vec<Interest>,
}

impl Requests {
    /// A number that was not used before, on no connection.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    #[cfg(test)]
    pub(super) fn skip(&mut self, numbers: u64) {
        self.last += numbers;
    }

    pub(super) fn add(&mut self, number: u64, step: Step, open: Vec<Interest>) {
        self.open.insert(number, Request { step, open });
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.open.contains_key(&number)
    }

    pub(super) fn step(&self, number: u64) -> Option<Step> {
        self.open.get(&number).map(|request| request.step)
    }

    /// One interest of a request is decided; whether it was open.
    pub(super) fn decide(&mut self, number: u64, interest: &Interest) -> bool {
        let Some(request) = self.open.get_mut(&number) else { return false };
        let Some(at) = request.open.iter().position(|open| open == interest) else { return false };
        request.open.swap_remove(at);
        if request.open.is_empty() {
            self.open.remove(&number);
        }
        true
    }

    /// All that is open of a request is decided.
    pub(super) fn finish(&mut self, number: u64) -> Option<Request> {
        self.open.remove(&number)
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
    }
}

/// Splits interests into as few frames as they fit in.
pub(super) fn frames(interests: Vec<Interest>, max_bytes: usize, max_topics: usize) -> Vec<Vec<Interest>> {
    let mut frames: Vec<Vec<Interest>> = Vec::new();
    let mut bytes = usize::MAX;
    for interest in interests {
        let text = interest.to_string();
        // Quotes and backslashes take two bytes in JSON, and there are quotes and a comma around it; MessagePack takes less.
        let len = text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count() + 3;
        match frames.last_mut() {
            Some(frame) if bytes + len <= max_bytes && frame.len() < max_topics => {
                frame.push(interest);
                bytes += len;
            }
            _ => {
                frames.push(vec![interest]);
                bytes = FRAME_OVERHEAD + len;
            }
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Control, Wire};

    fn interests(ids: impl Iterator<Item = String>) -> Vec<Interest> {
        ids.map(|id| format!("type:{id}").parse().expect("an interest")).collect()
    }

    #[test]
    fn every_frame_fits_and_nothing_is_left_out() {
        let cases = [
            ("", 512, 128),
            ("\"\\\"", 512, 128),
            ("é\u{fffd}", 300, 7),
            ("x", 1 << 20, 128),
            ("long", 0, 0),
        ];
        for (pad, max_bytes, max_topics) in cases {
            let all = interests((0..1000).map(|n| format!("{pad}{n}")));
            let frames = frames(all.clone(), max_bytes, max_topics);
            assert_eq!(frames.concat(), all);
            for frame in &frames {
                let topics: Vec<_> = frame.iter().map(ToString::to_string).collect();
                let control = Control::Subscribe { reference: u64::MAX.to_string(), topics };
                let encoded = control.encode(Wire::Json).expect("a control frame");
                assert!(frame.len() == 1 || (encoded.len() <= max_bytes && frame.len() <= max_topics));
            }
        }
        assert_eq!(frames(interests((0..128).map(|n| n.to_string())), 64 << 10, 128).len(), 1);
    }
}
