use std::collections::VecDeque;

use hdrhistogram::Histogram;

use super::event::Stamp;

/// Who has received what. Events are numbered from 0, and a listener is to receive them in order.
#[derive(Debug)]
pub(super) struct Tally {
    listeners: u32,
    published: u64,
    /// Everything before this has reached everybody.
    settled: u64,
    /// How many still wait for each event from there on.
    missing: VecDeque<u32>,
    pub(super) delivered: u64,
    /// Not received, and nobody said so.
    pub(super) lost: u64,
    /// Not received, and the hub said so.
    pub(super) missed: u64,
    /// Came twice, or after one that was published later.
    pub(super) disordered: u64,
    latency: Option<Histogram<u64>>,
}

/// How far one listener is.
#[derive(Debug, Default)]
pub(super) struct Reader {
    next: u64,
    /// The hub said that something was left out here.
    gap: bool,
}

impl Reader {
    pub(super) fn gap(&mut self) {
        self.gap = true;
    }
}

impl Tally {
    pub(super) fn new(listeners: u32) -> Self {
        Self {
            listeners,
            published: 0,
            settled: 0,
            missing: VecDeque::new(),
            delivered: 0,
            lost: 0,
            missed: 0,
            disordered: 0,
            latency: None,
        }
    }

    /// The number of the next event, which goes out now.
    pub(super) fn publish(&mut self) -> u64 {
        self.missing.push_back(self.listeners);
        self.published += 1;
        self.published - 1
    }

    /// How many events have not reached everybody.
    pub(super) fn under_way(&self) -> u64 {
        self.published - self.settled
    }

    /// An event has arrived, at `now` in the events' time.
    pub(super) fn see(&mut self, reader: &mut Reader, Stamp { sequence, sent }: Stamp, now: u64) {
        if sequence < reader.next || sequence >= self.published {
            self.disordered += 1;
            return;
        }
        self.skip(reader, sequence);
        self.settle(sequence);
        reader.next = sequence + 1;
        self.delivered += 1;
        if let Some(latency) = &mut self.latency {
            latency.saturating_record(now.saturating_sub(sent));
        }
    }

    /// What this listener has not received by now it does not receive any more.
    pub(super) fn give_up(&mut self, reader: &mut Reader) {
        self.skip(reader, self.published);
        reader.next = self.published;
    }

    fn skip(&mut self, reader: &mut Reader, to: u64) {
        let left_out = to - reader.next;
        if std::mem::take(&mut reader.gap) {
            self.missed += left_out;
        } else {
            self.lost += left_out;
        }
        for sequence in reader.next..to {
            self.settle(sequence);
        }
    }

    fn settle(&mut self, sequence: u64) {
        let place =
            sequence.checked_sub(self.settled).and_then(|at| self.missing.get_mut(usize::try_from(at).ok()?));
        if let Some(missing) = place {
            *missing = missing.saturating_sub(1);
        }
        while self.missing.front() == Some(&0) {
            self.missing.pop_front();
            self.settled += 1;
        }
    }

    /// From now on it is timed.
    pub(super) fn begin_timing(&mut self) {
        // A minute, to three digits: bounds that are never refused.
        self.latency = Histogram::new_with_bounds(1, 60_000_000, 3).ok();
    }

    /// How long each delivery took since then, in microseconds.
    pub(super) fn end_timing(&mut self) -> Option<Histogram<u64>> {
        self.latency.take()
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, Stamp, Tally};

    fn see(tally: &mut Tally, reader: &mut Reader, sequence: u64) {
        tally.see(reader, Stamp { sequence, sent: 0 }, 10);
    }

    #[test]
    fn an_event_is_under_way_until_all_have_it() {
        let mut tally = Tally::new(2);
        let (mut one, mut other) = (Reader::default(), Reader::default());
        assert_eq!((tally.publish(), tally.publish()), (0, 1));
        see(&mut tally, &mut one, 0);
        see(&mut tally, &mut one, 1);
        assert_eq!(tally.under_way(), 2);
        see(&mut tally, &mut other, 0);
        assert_eq!(tally.under_way(), 1);
        see(&mut tally, &mut other, 1);
        assert_eq!((tally.under_way(), tally.delivered, tally.lost), (0, 4, 0));
    }

    #[test]
    fn what_was_left_out_is_lost_unless_the_hub_said_so() {
        let mut tally = Tally::new(1);
        let mut reader = Reader::default();
        (0..10).for_each(|_| _ = tally.publish());
        see(&mut tally, &mut reader, 2);
        assert_eq!((tally.lost, tally.missed), (2, 0));
        reader.gap();
        see(&mut tally, &mut reader, 6);
        assert_eq!((tally.lost, tally.missed), (2, 3));
        see(&mut tally, &mut reader, 8);
        assert_eq!((tally.lost, tally.missed), (3, 3), "one gap is said once");
        tally.give_up(&mut reader);
        assert_eq!((tally.lost, tally.under_way(), tally.delivered), (4, 0, 3));
    }

    #[test]
    fn what_comes_twice_or_too_late_or_was_never_sent_is_disordered() {
        let mut tally = Tally::new(1);
        let mut reader = Reader::default();
        (0..3).for_each(|_| _ = tally.publish());
        for sequence in [0, 0, 2, 1, 7] {
            see(&mut tally, &mut reader, sequence);
        }
        assert_eq!((tally.disordered, tally.lost, tally.delivered), (3, 1, 2));
    }

    #[test]
    fn only_what_is_timed_is_timed() {
        let mut tally = Tally::new(1);
        let mut reader = Reader::default();
        (0..2).for_each(|_| _ = tally.publish());
        see(&mut tally, &mut reader, 0);
        tally.begin_timing();
        see(&mut tally, &mut reader, 1);
        let latency = tally.end_timing().unwrap();
        assert_eq!((latency.len(), latency.max()), (1, 10));
        assert!(tally.end_timing().is_none());
    }
}
