//! Whether as many events are missing as gaps say.

/// What the gaps since the last event said of how many are missing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// The first event that may be missing and was owed.
    owed: u64,
    /// `None` where a gap did not say it.
    missed: Option<u64>,
}

impl Account {
    pub(crate) fn open(owed: u64) -> Self {
        Self { owed, missed: Some(0) }
    }

    /// A gap.
    pub(crate) fn add(&mut self, missed: Option<u64>) {
        self.missed = self.missed.zip(missed).map(|(before, more)| before + more);
    }

    /// What is wrong, the next event after the gaps being this one and the last one before them that one. `certain` says
    /// whether an event was certainly published. `None` as a whole if no gap said how many are missing; otherwise whether
    /// it is so.
    pub(crate) fn close(
        self,
        last: Option<u64>,
        next: u64,
        certain: impl Fn(u64) -> bool,
    ) -> Option<Result<(), String>> {
        let missed = self.missed?;
        let least = (self.owed..next).filter(|number| certain(*number)).count() as u64;
        // What came before the subscription was confirmed may be among the missing.
        let most = last.map_or(u64::MAX, |last| next - last - 1);
        Some(if (least..=most).contains(&missed) {
            Ok(())
        } else {
            Err(format!(
                "gaps told of {missed} missing events, but there are {least} at least, {most} at most"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Account;

    /// 3 has come, then gaps, then 10; 5 was uncertain.
    fn close(gaps: &[Option<u64>]) -> Option<Result<(), String>> {
        let mut account = Account::open(4);
        gaps.iter().for_each(|missed| account.add(*missed));
        account.close(Some(3), 10, |number| number != 5)
    }

    #[test]
    fn as_many_are_missing_as_gaps_say() {
        for gaps in [&[Some(5)][..], &[Some(6)], &[Some(2), Some(4)]] {
            assert_eq!(close(gaps), Some(Ok(())), "{gaps:?}");
        }
        for gaps in [&[Some(4)][..], &[Some(7)], &[Some(2), Some(5)]] {
            assert!(close(gaps).unwrap().is_err(), "{gaps:?}");
        }
    }

    #[test]
    fn a_gap_that_does_not_know_it_says_nothing() {
        assert_eq!(close(&[Some(1), None, Some(1)]), None);
    }

    #[test]
    fn what_was_before_the_first_event_may_be_among_them() {
        let mut account = Account::open(4);
        account.add(Some(30));
        assert_eq!(account.close(None, 10, |_| true), Some(Ok(())));
    }
}
