use std::io::Write;

use alk_pubsub::{Gap, GapReason};

/// Gaps at one place: those of one reason are told as one, since a lost connection makes one in each subscription.
#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<(GapReason, Option<u64>)>);

impl Gaps {
    pub(super) fn add(&mut self, gap: Gap) {
        match self.0.iter_mut().find(|(reason, _)| *reason == gap.reason()) {
            Some((_, missed)) => *missed = missed.zip(gap.missed()).map(|(a, b)| a + b),
            None => self.0.push((gap.reason(), gap.missed())),
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn tell(&mut self, out: &mut impl Write) {
        for (reason, missed) in self.0.drain(..) {
            let _ = writeln!(out, "alk-hub: gap: {}", Gap::new(reason, missed));
        }
    }
}

#[cfg(test)]
mod tests {
    use alk_pubsub::{Gap, GapReason};

    use super::Gaps;

    #[test]
    fn one_line_for_each_reason() {
        let mut gaps = Gaps::default();
        for (reason, missed) in [
            (GapReason::Overflow, Some(2)),
            (GapReason::Reconnected, None),
            (GapReason::Overflow, Some(3)),
            (GapReason::Reconnected, None),
        ] {
            gaps.add(Gap::new(reason, missed));
        }
        let mut out = Vec::new();
        gaps.tell(&mut out);
        let expected = "alk-hub: gap: 5 events missed (slow_consumer)\n\
                        alk-hub: gap: an unknown number of events missed (upstream_reconnected)\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert!(gaps.is_empty());
    }
}
