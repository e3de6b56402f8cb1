use super::log::Skipped;
use crate::gap::Gap;

/// More gaps than this are merged once they are behind the window.
const MOST_MARKS: usize = 32;

/// The gaps of a log, for readers that skip them.
#[derive(Default)]
pub(super) struct Marks {
    marks: Vec<Mark>,
    /// How many gaps were appended so far.
    gaps: u64,
}

struct Mark {
    position: u64,
    gap: Gap,
}

impl Marks {
    /// How many gaps were appended so far.
    pub(super) fn gaps(&self) -> u64 {
        self.gaps
    }

    /// A gap is appended at a position. `front` is the first position of the window; behind it, marks are kept for
    /// `strays` only.
    pub(super) fn add(&mut self, position: u64, gap: Gap, front: u64, strays: bool) {
        if !strays {
            self.marks.retain(|mark| mark.position >= front);
        }
        // In the window each is kept; for who lags behind it, the two oldest become one, at the place of the later.
        if self.marks.len() >= MOST_MARKS && self.marks[1].position < front {
            let oldest = self.marks.remove(0);
            let next = &mut self.marks[0];
            next.gap = oldest.gap.merge(next.gap).unwrap_or(Gap::new(next.gap.reason(), None));
        }
        self.gaps += 1;
        self.marks.push(Mark { position, gap });
    }

    /// What a reader misses that goes from one position to a later one in the window; before its old place,
    /// `gaps_before` gaps were appended.
    pub(super) fn skip(&self, from: u64, to: u64, gaps_before: u64) -> Skipped {
        let mut skipped = Skipped { events: 0, gaps: Vec::new(), gaps_before: self.gaps };
        for mark in &self.marks {
            if mark.position >= to {
                skipped.gaps_before -= 1;
            } else if mark.position >= from {
                Gap::collect(&mut skipped.gaps, mark.gap);
            }
        }
        skipped.events = to - from - (skipped.gaps_before - gaps_before);
        skipped
    }
}
