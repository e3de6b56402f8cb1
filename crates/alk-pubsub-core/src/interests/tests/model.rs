//! The table against the other side and everybody who was told something, kept in the plainest way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Changes, InterestTable};
use super::{denied, interest};
use crate::name::Interest;

#[derive(Debug, Clone)]
enum Op {
    Add(usize),
    Remove(usize),
    Wait(usize),
    Take(usize),
    /// The other side does one of the requests under way and says so.
    Answer(usize),
    Refuse(usize),
    /// It does or does not, and nobody knows.
    Unknown(usize, bool),
    /// The other side takes an interest away.
    End(usize),
    Lost,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..5usize).prop_map(Op::Add),
        4 => (0..5usize).prop_map(Op::Remove),
        3 => (0..5usize).prop_map(Op::Wait),
        3 => (1..4usize).prop_map(Op::Take),
        6 => (0..8usize).prop_map(Op::Answer),
        1 => (0..8usize).prop_map(Op::Refuse),
        1 => (0..8usize, any::<bool>()).prop_map(|(at, done)| Op::Unknown(at, done)),
        1 => (0..5usize).prop_map(Op::End),
        1 => Just(Op::Lost),
    ]
}

/// The other side, and what everybody was told, kept in the plainest way.
#[derive(Default)]
struct Model {
    wanted: BTreeSet<Interest>,
    server: BTreeSet<Interest>,
    refused: BTreeSet<Interest>,
    /// Confirmed on this connection, and not asked to be given up.
    active: BTreeSet<Interest>,
    /// Asked for on this connection, and nobody knows what became of it.
    unknown: BTreeSet<Interest>,
    /// Somebody was told that events arrive, and still listens.
    told: BTreeSet<Interest>,
    /// Those, and those of which whoever asks next is told so.
    confirmed: BTreeSet<Interest>,
    requests: Vec<(u64, Interest, bool)>,
    waiting: BTreeMap<u32, Interest>,
}

impl Model {
    fn take(&mut self, changes: Changes) {
        let generation = changes.generation;
        let added = changes.added.into_iter().map(|interest| (interest, true));
        for (interest, add) in added.chain(changes.removed.into_iter().map(|interest| (interest, false))) {
            assert!(!self.requests.iter().any(|(_, other, _)| *other == interest), "asked twice: {interest}");
            self.active.remove(&interest);
            self.unknown.remove(&interest);
            self.requests.push((generation, interest, add));
        }
    }

    /// Nobody wants it any more.
    fn leave(&mut self, interest: &Interest) {
        for set in [&mut self.wanted, &mut self.refused, &mut self.told, &mut self.confirmed] {
            set.remove(interest);
        }
    }

    /// The other side ends it on its own. Whether somebody's subscriptions end with it.
    fn end(&mut self, interest: &Interest) -> bool {
        let known = self.active.contains(interest) || self.refused.contains(interest);
        let ends = known && self.wanted.contains(interest);
        if ends {
            self.active.remove(interest);
            self.server.remove(interest);
            self.leave(interest);
        }
        ends
    }

    /// The connection is lost, and these are said to have a gap.
    fn lost(&mut self, affected: &[Interest]) {
        let affected: BTreeSet<_> = affected.iter().cloned().collect();
        let asked: BTreeSet<_> =
            self.requests.iter().filter(|(_, _, add)| *add).map(|(_, asked, _)| asked).collect();
        let perhaps = |interest: &Interest| asked.contains(interest) || self.unknown.contains(interest);
        for interest in &self.wanted {
            let known = self.active.contains(interest);
            let (told, confirmed) = (self.told.contains(interest), self.confirmed.contains(interest));
            let refused = self.refused.contains(interest);
            let owed = refused || told && (known || perhaps(interest));
            let allowed = refused || known || confirmed && perhaps(interest);
            let has = affected.contains(interest);
            assert!(has || !owed, "who was told of {interest} has no gap");
            assert!(allowed || !has, "{interest} has a gap, and nobody could have missed anything");
        }
        assert!(affected.is_subset(&self.wanted), "a gap for nobody: {affected:?}");
        self.server.clear();
        self.refused.clear();
        self.active.clear();
        self.unknown.clear();
        self.requests.clear();
    }

    fn apply(&mut self, interest: &Interest, add: bool) {
        if add {
            self.server.insert(interest.clone());
        } else {
            self.server.remove(interest);
        }
    }

    fn answered(&mut self, waiters: Vec<u32>, interest: &Interest) {
        for waiter in waiters {
            assert_eq!(
                self.waiting.remove(&waiter).as_ref(),
                Some(interest),
                "told once, and of its own interest"
            );
        }
    }

    /// Who asks for it, or has waited, hears that events arrive.
    fn relied(&mut self, interest: &Interest) {
        self.told.insert(interest.clone());
        self.confirmed.insert(interest.clone());
    }

    fn answer(&mut self, table: &mut InterestTable<u32>, at: usize) {
        let (generation, interest, add) = self.requests.remove(at);
        self.apply(&interest, add);
        let waiters = table.confirm(generation, &interest);
        assert!(
            waiters.is_empty() || self.server.contains(&interest),
            "told that it is active, and it is not"
        );
        if add {
            self.active.insert(interest.clone());
            if self.wanted.contains(&interest) {
                self.confirmed.insert(interest.clone());
            }
        }
        if !waiters.is_empty() {
            self.relied(&interest);
        }
        self.answered(waiters, &interest);
    }
}

proptest! {
    // With PROPTEST_CASES as it is by itself these are 10,240.
    #![proptest_config(ProptestConfig { cases: 40 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_other_side_ends_up_with_what_is_wanted(ops in vec(op(), 0..120)) {
        let interests = ["a", "b", "a:1", "a:2", "*"].map(interest);
        let mut table = InterestTable::<u32>::new();
        let mut model = Model::default();
        let mut next_waiter = 0;
        for op in ops {
            let pick = |at: usize, model: &Model| (!model.requests.is_empty()).then(|| at % model.requests.len());
            match op {
                Op::Add(at) => {
                    table.interest_added(&interests[at]);
                    model.wanted.insert(interests[at].clone());
                }
                Op::Remove(at) => {
                    let waiters = table.interest_removed(&interests[at]);
                    model.answered(waiters, &interests[at]);
                    model.leave(&interests[at]);
                }
                Op::Wait(at) if model.wanted.contains(&interests[at]) => {
                    next_waiter += 1;
                    match table.wait(&interests[at], next_waiter) {
                        Ok(true) => {
                            prop_assert!(model.server.contains(&interests[at]));
                            model.relied(&interests[at]);
                        }
                        Ok(false) => { model.waiting.insert(next_waiter, interests[at].clone()); }
                        Err(_) => prop_assert!(model.refused.contains(&interests[at])),
                    }
                }
                Op::Wait(_) => {}
                Op::Take(most) => {
                    let changes = table.take_changes(most);
                    model.take(changes);
                }
                Op::Answer(at) => if let Some(at) = pick(at, &model) {
                    model.answer(&mut table, at);
                },
                Op::Refuse(at) => if let Some(at) = pick(at, &model) {
                    let (generation, interest, add) = model.requests.remove(at);
                    if add {
                        if model.wanted.contains(&interest) {
                            model.refused.insert(interest.clone());
                        }
                        // It may have been done before, and nobody knew.
                        model.apply(&interest, false);
                        let waiters = table.refuse(generation, &interest, denied());
                        model.answered(waiters, &interest);
                    } else {
                        // A removal that is refused is done by hand for the model: nobody can do more.
                        model.apply(&interest, false);
                        let waiters = table.refuse(generation, &interest, denied());
                        model.answered(waiters, &interest);
                    }
                },
                Op::Unknown(at, done) => if let Some(at) = pick(at, &model) {
                    let (generation, interest, add) = model.requests.remove(at);
                    if done {
                        model.apply(&interest, add);
                    }
                    if add {
                        model.unknown.insert(interest.clone());
                    }
                    table.retry(generation, &interest);
                },
                Op::End(at) => {
                    let ended = table.forget_ended(&interests[at]);
                    prop_assert_eq!(ended, model.end(&interests[at]));
                }
                Op::Lost => {
                    let affected = table.connection_lost();
                    model.lost(&affected);
                }
            }
        }
        // Everything is asked and answered now.
        for _ in 0..10 {
            let changes = table.take_changes(100);
            model.take(changes);
            while !model.requests.is_empty() {
                model.answer(&mut table, 0);
            }
        }
        prop_assert!(table.is_settled());
        let expected: BTreeSet<_> = model.wanted.difference(&model.refused).cloned().collect();
        prop_assert_eq!(&model.server, &expected);
        prop_assert!(model.waiting.is_empty(), "forgotten: {:?}", model.waiting);
    }
}
