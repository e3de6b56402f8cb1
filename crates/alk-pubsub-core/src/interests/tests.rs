use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Changes, InterestTable, Interests};
use crate::error::{Error, ErrorKind};
use crate::name::Interest;

fn interest(name: &str) -> Interest {
    name.parse().unwrap()
}

/// Sorted, since a lost connection brings all back in no order.
fn names(interests: &[Interest]) -> Vec<String> {
    let mut names: Vec<_> = interests.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    names
}

fn denied() -> Error {
    Error::new(ErrorKind::Denied, "no")
}

/// One step of a table test; what is expected stands with it.
enum Step<'a> {
    Add(&'a str),
    Remove(&'a str),
    /// Take changes: these are added, these removed.
    Take(&'a [&'a str], &'a [&'a str]),
    Confirm(&'a str),
    Refuse(&'a str),
    Retry(&'a str),
    /// The connection is lost: these are affected.
    Lost(&'a [&'a str]),
    Settled(bool),
}

fn run(title: &str, steps: &[Step<'_>]) {
    let mut table = InterestTable::<u32>::new();
    for (at, step) in steps.iter().enumerate() {
        let place = format!("{title}, step {at}");
        let generation = table.generation();
        match step {
            Step::Add(name) => {
                table.interest_added(&interest(name));
            }
            Step::Remove(name) => assert!(table.interest_removed(&interest(name)).is_empty(), "{place}"),
            Step::Take(added, removed) => {
                let changes = table.take_changes(100);
                assert_eq!(names(&changes.added), *added, "{place}");
                assert_eq!(names(&changes.removed), *removed, "{place}");
            }
            Step::Confirm(name) => assert!(table.confirm(generation, &interest(name)).is_empty(), "{place}"),
            Step::Refuse(name) => {
                assert!(table.refuse(generation, &interest(name), denied()).is_empty(), "{place}");
            }
            Step::Retry(name) => table.retry(generation, &interest(name)),
            Step::Lost(affected) => {
                assert_eq!(names(&table.connection_lost()), *affected, "{place}");
            }
            Step::Settled(settled) => assert_eq!(table.is_settled(), *settled, "{place}"),
        }
    }
}

#[test]
fn changes_that_race_converge_on_what_is_wanted() {
    use Step::*;
    run("gone before it was asked for", &[Add("a"), Remove("a"), Take(&[], &[]), Settled(true)]);
    run(
        "gone while it is asked for",
        &[
            Add("a"),
            Take(&["a"], &[]),
            Remove("a"),
            Confirm("a"),
            Take(&[], &["a"]),
            Confirm("a"),
            Settled(true),
        ],
    );
    run(
        "back before its removal was asked for",
        &[Add("a"), Take(&["a"], &[]), Confirm("a"), Remove("a"), Add("a"), Take(&[], &[]), Settled(true)],
    );
    run(
        "back while its removal is asked for",
        &[
            Add("a"),
            Take(&["a"], &[]),
            Confirm("a"),
            Remove("a"),
            Take(&[], &["a"]),
            Add("a"),
            Take(&[], &[]),
            Confirm("a"),
            Take(&["a"], &[]),
            Settled(false),
            Confirm("a"),
            Settled(true),
        ],
    );
    run(
        "unknown what became of it",
        &[
            Add("a"),
            Take(&["a"], &[]),
            Retry("a"),
            Take(&["a"], &[]),
            Remove("a"),
            Retry("a"),
            Take(&[], &["a"]),
        ],
    );
    run("gone when nobody knows", &[Add("a"), Take(&["a"], &[]), Retry("a"), Remove("a"), Take(&[], &["a"])]);
    run(
        "refused stays refused",
        &[Add("a"), Take(&["a"], &[]), Refuse("a"), Settled(true), Add("a"), Take(&[], &[])],
    );
    run(
        "refused is asked again when somebody new wants it",
        &[Add("a"), Take(&["a"], &[]), Refuse("a"), Remove("a"), Add("a"), Take(&["a"], &[])],
    );
}

#[test]
fn a_lost_connection_asks_again_for_all_and_names_those_that_have_a_gap() {
    use Step::*;
    run(
        "confirmed",
        &[Add("a"), Add("b"), Take(&["a", "b"], &[]), Confirm("a"), Lost(&["a"]), Take(&["a", "b"], &[])],
    );
    run("given up", &[Add("a"), Take(&["a"], &[]), Confirm("a"), Remove("a"), Lost(&[]), Take(&[], &[])]);
    run(
        "lost again while it is asked for again: it may have been active",
        &[Add("a"), Take(&["a"], &[]), Confirm("a"), Lost(&["a"]), Take(&["a"], &[]), Lost(&["a"])],
    );
    run(
        "lost again before it was asked for again: it has its gap already",
        &[Add("a"), Take(&["a"], &[]), Confirm("a"), Lost(&["a"]), Lost(&[]), Take(&["a"], &[])],
    );
    run("refused", &[Add("a"), Take(&["a"], &[]), Refuse("a"), Lost(&["a"]), Take(&["a"], &[])]);
}

#[test]
fn who_was_told_has_a_gap_at_every_loss_and_who_was_not_has_none() {
    let a = interest("a");
    // Found active by somebody who came while it was about to be given up.
    let mut table = InterestTable::<u32>::new();
    table.interest_added(&a);
    let asked = table.take_changes(1);
    let _ = table.interest_removed(&a);
    assert!(table.confirm(asked.generation, &a).is_empty());
    table.interest_added(&a);
    assert!(matches!(table.wait(&a, 1), Ok(true)));
    for _ in 0..3 {
        assert_eq!(names(&table.connection_lost()), ["a"]);
        assert_eq!(names(&table.take_changes(1).added), ["a"]);
    }
    // Given up by those who were told, and wanted by somebody else before the other side has given it up.
    let mut table = InterestTable::<u32>::new();
    table.interest_added(&a);
    let asked = table.take_changes(1);
    let _ = table.confirm(asked.generation, &a);
    let _ = table.interest_removed(&a);
    assert_eq!(names(&table.take_changes(1).removed), ["a"]);
    table.interest_added(&a);
    for _ in 0..3 {
        assert!(table.connection_lost().is_empty());
        assert_eq!(names(&table.take_changes(1).added), ["a"]);
    }
}

#[test]
fn an_answer_of_an_earlier_connection_has_no_effect() {
    let mut table = InterestTable::<u32>::new();
    let a = interest("a");
    table.interest_added(&a);
    let old = table.take_changes(1);
    assert!(matches!(table.wait(&a, 7), Ok(false)));
    let _ = table.connection_lost();
    assert!(table.confirm(old.generation, &a).is_empty());
    assert!(!table.is_confirmed(&a));
    let new = table.take_changes(1);
    assert_eq!(table.confirm(new.generation, &a), [7]);
}

#[test]
fn no_more_than_asked_for_is_taken_at_once() {
    let mut table = InterestTable::<u32>::new();
    for name in ["a", "b", "c"] {
        table.interest_added(&interest(name));
    }
    assert_eq!(names(&table.take_changes(2).added), ["a", "b"]);
    assert_eq!(names(&table.take_changes(2).added), ["c"]);
    assert_eq!(table.take_changes(2), Changes::default());
}

#[test]
fn topics_that_come_and_go_while_there_is_no_connection_leave_nothing() {
    let mut table = InterestTable::<u32>::new();
    for n in 0..10_000 {
        let topic = interest(&format!("t:{n}"));
        table.interest_added(&topic);
        let _ = table.interest_removed(&topic);
    }
    assert!(table.is_empty() && table.is_settled());
}

#[tokio::test]
async fn who_waits_is_told_what_becomes_of_it() {
    let interests = Interests::new();
    let (granted, refused, late) = (interest("a"), interest("b"), interest("c"));
    for each in [&granted, &refused, &late] {
        interests.interest_added(each);
    }
    let waiting = [&granted, &refused, &late].map(|each| interests.confirmed(each));
    interests.changed().await;
    let changes = interests.take_changes(2);
    interests.confirm(changes.generation, &granted);
    interests.refuse(changes.generation, &refused, denied());
    interests.close(Error::closed());
    let [first, second, third] = waiting;
    first.await.unwrap();
    assert_eq!(second.await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(third.await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(interests.confirmed(&granted).await.unwrap_err().kind(), ErrorKind::Closed);
}

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
        1 => Just(Op::Lost),
    ]
}

/// The other side, and what everybody was told, kept in the plainest way.
#[derive(Default)]
struct Model {
    wanted: BTreeSet<Interest>,
    server: BTreeSet<Interest>,
    refused: BTreeSet<Interest>,
    requests: Vec<(u64, Interest, bool)>,
    waiting: BTreeMap<u32, Interest>,
}

impl Model {
    fn take(&mut self, changes: Changes) {
        let generation = changes.generation;
        let added = changes.added.into_iter().map(|interest| (interest, true));
        for (interest, add) in added.chain(changes.removed.into_iter().map(|interest| (interest, false))) {
            assert!(!self.requests.iter().any(|(_, other, _)| *other == interest), "asked twice: {interest}");
            self.requests.push((generation, interest, add));
        }
    }

    fn apply(&mut self, interest: &Interest, add: bool) {
        if add {
            self.server.insert(interest.clone());
        } else {
            self.server.remove(interest);
        }
    }

    fn told(&mut self, waiters: Vec<u32>, interest: &Interest) {
        for waiter in waiters {
            assert_eq!(
                self.waiting.remove(&waiter).as_ref(),
                Some(interest),
                "told once, and of its own interest"
            );
        }
    }

    fn answer(&mut self, table: &mut InterestTable<u32>, at: usize) {
        let (generation, interest, add) = self.requests.remove(at);
        self.apply(&interest, add);
        let waiters = table.confirm(generation, &interest);
        assert!(
            waiters.is_empty() || self.server.contains(&interest),
            "told that it is active, and it is not"
        );
        self.told(waiters, &interest);
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
                    model.told(waiters, &interests[at]);
                    model.wanted.remove(&interests[at]);
                    model.refused.remove(&interests[at]);
                }
                Op::Wait(at) if model.wanted.contains(&interests[at]) => {
                    next_waiter += 1;
                    match table.wait(&interests[at], next_waiter) {
                        Ok(true) => prop_assert!(model.server.contains(&interests[at])),
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
                        model.told(waiters, &interest);
                    } else {
                        // A removal that is refused is done by hand for the model: nobody can do more.
                        model.apply(&interest, false);
                        let waiters = table.refuse(generation, &interest, denied());
                        model.told(waiters, &interest);
                    }
                },
                Op::Unknown(at, done) => if let Some(at) = pick(at, &model) {
                    let (generation, interest, add) = model.requests.remove(at);
                    if done {
                        model.apply(&interest, add);
                    }
                    table.retry(generation, &interest);
                },
                Op::Lost => {
                    let _ = table.connection_lost();
                    model.server.clear();
                    model.refused.clear();
                    model.requests.clear();
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
