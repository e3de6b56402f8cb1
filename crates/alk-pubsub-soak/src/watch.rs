//! Whether one subscription gets what it is owed.
//!
//! Owed are the events whose publish began after the subscription was confirmed and succeeded. Each comes once, those of a topic
//! in the order in which its one publisher published them, or it stands in a gap: one that came after the last event before
//! the loss, and before the next event after it, and after the publish had begun. What is published once the gap has been
//! received has to come.
//!
//! Where gaps say how many events are missing, so many are: of a subscription to one topic that is seen when the next event comes.
//!
//! What was published just before the subscription began, and what an uncertain publish was of, may come, once and in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::account::Account;
use crate::ledger::{Fate, Kind, Ledger, add};
use crate::topics;

/// How much of what happened last is told with a violation.
const HISTORY: usize = 30;

pub(crate) struct Watch {
    ledger: Arc<Ledger>,
    /// Who watches, for people.
    who: String,
    kind: Kind,
    topics: BTreeMap<usize, Seen>,
    /// What gaps have said since the last event, if there is but one topic.
    account: Option<Account>,
    history: VecDeque<String>,
    violated: bool,
}

/// What was seen of one topic.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The number from which on events are owed: nothing before it is missing.
    owed: u64,
    /// The number behind the last event that came.
    next: u64,
}

impl Watch {
    /// To be called when the subscription is confirmed.
    pub(crate) fn begin(
        ledger: &Arc<Ledger>,
        who: String,
        kind: Kind,
        topics: impl IntoIterator<Item = usize>,
    ) -> Self {
        add(&ledger.counted.subscriptions, 1);
        let seen = |topic| (topic, Seen { owed: ledger.records(topic).len() as u64, next: 0 });
        let topics = topics.into_iter().map(seen).collect();
        let (ledger, history) = (ledger.clone(), VecDeque::new());
        let mut watch = Self { ledger, who, kind, topics, account: None, history, violated: false };
        watch.note("active");
        watch
    }

    /// An event has come.
    pub(crate) fn event(&mut self, event_type: &str, id: &str, number: Option<u64>) {
        add(&self.ledger.counted.delivered, 1);
        let topic = topics::find(event_type, id).filter(|topic| self.topics.contains_key(topic));
        let (Some(topic), Some(number)) = (topic, number) else {
            return self.violated(&format!("{event_type}:{id} {number:?} was not asked for"));
        };
        self.note(&format!("{event_type}:{id} {number}"));
        let seen = self.topics[&topic];
        if number < seen.next {
            return self.violated(&format!(
                "{event_type}:{id} {number} came after {}: twice, or out of order",
                seen.next - 1
            ));
        }
        if number as usize >= self.ledger.records(topic).len() {
            return self.violated(&format!("{event_type}:{id} {number} was never published"));
        }
        if let Some((lost, begun, ended)) = self.first_missing(topic, number) {
            self.violated(&format!(
                "{event_type}:{id} {lost}, published from {begun} to {ended} ms, is missing before {number}"
            ));
        }
        self.close_account(topic, number);
        self.topics.insert(topic, Seen { owed: seen.owed.max(number + 1), next: number + 1 });
    }

    /// The first event that is owed before this one, and was not in a gap.
    fn first_missing(&self, topic: usize, before: u64) -> Option<(u64, u64, u64)> {
        let Seen { owed, next } = self.topics[&topic];
        let records = self.ledger.records(topic);
        (owed.max(next)..before.min(records.len() as u64))
            .map(|number| (number, records[number as usize]))
            .find(|(_, record)| record.fate == Fate::Published)
            .map(|(number, record)| (number, record.begun, record.ended))
    }

    /// Whether as many are missing before this event as gaps have said.
    fn close_account(&mut self, topic: usize, number: u64) {
        let Some(account) = self.account.take() else { return };
        // A gap of a connection with several subscriptions is that of all of them.
        let last = self.topics[&topic].next.checked_sub(1).filter(|_| self.kind.is_alone());
        let closed = {
            let records = self.ledger.records(topic);
            account.close(last, number, |number| records[number as usize].fate == Fate::Published)
        };
        match closed {
            None => {}
            Some(Ok(())) => add(&self.ledger.counted.accounted, 1),
            Some(Err(wrong)) => self.violated(&wrong),
        }
    }

    /// A gap has come: it may stand for all that was begun by now.
    pub(crate) fn gap(&mut self, reason: &str, missing: Option<u64>) {
        self.ledger.gap(reason, missing);
        self.note(&format!("gap: {reason}, {missing:?}"));
        // Who is slow loses events at any time, and is told how many.
        if self.ledger.is_calm() && !(self.kind.is_slow() && missing.is_some()) {
            self.violated("a gap, though nothing was killed for a long time");
        }
        if let (1, Some(seen)) = (self.topics.len(), self.topics.values().next()) {
            self.account.get_or_insert(Account::open(seen.owed.max(seen.next))).add(missing);
        }
        let mut missed = 0;
        for (topic, seen) in &mut self.topics {
            let records = self.ledger.records(*topic);
            let lost = records.iter().skip(seen.owed.max(seen.next) as usize);
            missed += lost.filter(|record| record.fate == Fate::Published).count() as u64;
            seen.owed = records.len() as u64;
        }
        add(&self.ledger.counted.in_gaps, missed);
    }

    /// The subscription has ended though nobody wanted it to.
    pub(crate) fn ended(&mut self, why: &str) {
        self.violated(&format!("it has ended by itself: {why}"));
    }

    /// The connection was cut off, and with it what is owed.
    pub(crate) fn cut_off(&mut self) {
        if self.ledger.is_calm() {
            self.violated("it was cut off, though nothing was killed for a long time");
        }
    }

    /// Up to where it has to come before it has all that is owed now.
    pub(crate) fn owed(&self) -> Vec<(usize, u64)> {
        let ends = self.topics.keys().map(|topic| (*topic, self.ledger.records(*topic).len() as u64));
        ends.filter(|(topic, end)| self.first_missing(*topic, *end).is_some()).collect()
    }

    /// Whether that has come.
    pub(crate) fn has(&self, owed: &[(usize, u64)]) -> bool {
        owed.iter().all(|(topic, end)| self.first_missing(*topic, *end).is_none())
    }

    /// It went when it had all that it was owed. One that has got nothing at all says nothing.
    pub(crate) fn settled(&self) {
        if self.topics.values().all(|seen| seen.next == 0) {
            return;
        }
        add(&self.ledger.counted.settled[self.kind as usize], 1);
        if self.topics.len() == topics::ALL {
            add(&self.ledger.counted.settled_everything, 1);
        }
    }

    /// It has waited too long for what it is owed.
    pub(crate) fn never_came(&mut self, owed: &[(usize, u64)]) {
        let missing = owed.iter().find_map(|(topic, end)| Some((*topic, self.first_missing(*topic, *end)?)));
        if let Some((topic, (number, begun, ended))) = missing {
            let (event_type, id) = topics::name(topic);
            self.violated(&format!(
                "{event_type}:{id} {number}, published from {begun} to {ended} ms, never came"
            ));
        }
    }

    fn note(&mut self, what: &str) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(format!("{} ms {what}", self.ledger.now()));
    }

    /// The first violation tells it all; those that follow from it do not.
    fn violated(&mut self, what: &str) {
        if !std::mem::replace(&mut self.violated, true) {
            let history: Vec<_> = self.history.iter().map(String::as_str).collect();
            self.ledger.violated(format!("{}: {what}\n    {}", self.who, history.join("\n    ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::Watch;
    use crate::ledger::{Fate, Kind, Ledger};

    struct Test {
        ledger: Arc<Ledger>,
        watch: Watch,
    }

    impl Test {
        /// Two events were published before.
        fn new() -> Self {
            Self::of(Kind::Spoke)
        }

        fn of(kind: Kind) -> Self {
            let ledger = Arc::new(Ledger::new());
            for _ in 0..2 {
                publish(&ledger, Fate::Published);
            }
            let watch = Watch::begin(&ledger, "a test".to_owned(), kind, [0]);
            Self { ledger, watch }
        }

        fn comes(&mut self, number: u64) -> usize {
            self.watch.event("soak.0", "0", Some(number));
            self.ledger.violations()
        }
    }

    fn publish(ledger: &Ledger, fate: Fate) {
        let number = ledger.begin(0);
        ledger.end(0, number, fate);
    }

    #[test]
    fn what_is_owed_comes_in_order() {
        let mut test = Test::new();
        (0..3).for_each(|_| publish(&test.ledger, Fate::Published));
        // What was just before the beginning may come, too.
        for number in 1..5 {
            assert_eq!(test.comes(number), 0);
        }
        assert_eq!(test.watch.owed(), []);
    }

    #[test]
    fn one_who_got_nothing_is_not_counted() {
        let mut test = Test::new();
        let settled = |test: &Test| test.ledger.counted.settled[Kind::Spoke as usize].load(Ordering::Relaxed);
        test.watch.settled();
        assert_eq!(settled(&test), 0);
        publish(&test.ledger, Fate::Published);
        test.comes(2);
        test.watch.settled();
        assert_eq!(settled(&test), 1);
    }

    #[test]
    fn what_comes_twice_or_too_late_is_found() {
        for late in [2, 3] {
            let mut test = Test::new();
            (0..2).for_each(|_| publish(&test.ledger, Fate::Uncertain));
            assert_eq!(test.comes(3), 0);
            assert_eq!(test.comes(late), 1);
        }
    }

    #[test]
    fn what_is_missing_is_found_in_the_middle_and_at_the_end() {
        let mut test = Test::new();
        (0..3).for_each(|_| publish(&test.ledger, Fate::Published));
        let owed = test.watch.owed();
        assert_eq!(owed, [(0, 5)]);
        assert!(!test.watch.has(&owed));
        assert_eq!(test.comes(2), 0);
        assert_eq!(test.comes(4), 1);

        let mut test = Test::new();
        publish(&test.ledger, Fate::Published);
        let owed = test.watch.owed();
        test.watch.never_came(&owed);
        assert_eq!(test.ledger.violations(), 1);
    }

    #[test]
    fn a_gap_stands_for_what_was_begun_before_it_and_for_nothing_else() {
        let mut test = Test::new();
        (0..2).for_each(|_| publish(&test.ledger, Fate::Published));
        test.watch.gap("upstream_reconnected", None);
        assert_eq!(test.watch.owed(), []);
        (0..2).for_each(|_| publish(&test.ledger, Fate::Published));
        assert_eq!(test.comes(5), 1, "4 was published after the gap had come");
    }

    #[test]
    fn what_may_have_been_published_may_be_missing() {
        let mut test = Test::new();
        publish(&test.ledger, Fate::Uncertain);
        publish(&test.ledger, Fate::Published);
        assert_eq!(test.comes(3), 0);
    }

    #[test]
    fn what_was_not_asked_for_and_what_nobody_published_are_found() {
        assert_eq!(Test::new().comes(7), 1);
        let mut test = Test::new();
        test.watch.event("soak.0", "1", Some(0));
        assert_eq!(test.ledger.violations(), 1);
    }

    #[test]
    fn a_gap_without_a_reason_to_have_one_is_found() {
        let mut test = Test::new();
        test.ledger.calm_down();
        test.watch.gap("upstream_reconnected", None);
        assert_eq!(test.ledger.violations(), 1);

        let mut test = Test::of(Kind::SlowSpoke);
        test.ledger.calm_down();
        test.watch.gap("slow_consumer", Some(1));
        assert_eq!(test.ledger.violations(), 0, "who is slow has one");
        test.watch.gap("upstream_reconnected", None);
        assert_eq!(test.ledger.violations(), 1);
    }

    #[test]
    fn who_is_cut_off_without_a_reason_is_found() {
        let mut test = Test::of(Kind::Stream);
        test.watch.cut_off();
        assert_eq!(test.ledger.violations(), 0);
        test.ledger.calm_down();
        test.watch.cut_off();
        assert_eq!(test.ledger.violations(), 1);
    }

    #[test]
    fn as_many_are_missing_as_a_gap_says() {
        for (kind, told, violations) in [
            (Kind::SlowSpoke, 1, 1),
            (Kind::SlowSpoke, 2, 0),
            (Kind::SlowSpoke, 3, 1),
            // Of several subscriptions of one connection each is told of all that are missing.
            (Kind::Spoke, 1, 1),
            (Kind::Spoke, 3, 0),
        ] {
            let mut test = Test::of(kind);
            (0..4).for_each(|_| publish(&test.ledger, Fate::Published));
            assert_eq!(test.comes(2), 0);
            test.watch.gap("remote", Some(told));
            assert_eq!(test.comes(5), violations, "{kind:?} {told}");
        }
    }
}
