mod model;

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
