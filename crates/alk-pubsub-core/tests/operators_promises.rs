//! The peculiarities of the operators, each in a test that is named after it.

mod operators_support;

use std::cell::RefCell;
use std::collections::HashSet;
use std::future::ready;
use std::hash::{Hash, Hasher};
use std::panic::catch_unwind;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use alk_pubsub_core::operators::{
    Batch, Dedupe, GroupLimits, Operator, StreamPipe, Take, batch, chain, dedupe, dedupe_by,
    dedupe_consecutive, filter, filter_async, flat, join, map, map_async, pipe, take, to_array, window,
    window_time,
};
use futures_core::Stream;
use futures_util::stream;
use operators_support::{Script, Tells, drain, next, poll_once, resolve};
use tokio::task::yield_now;

#[test]
fn take_releases_the_source_with_its_nth_item() {
    let script = Script::of(1..100);
    let source = script.watch();
    let mut two = script.pipe(take(2));
    assert_eq!(poll_once(&mut two), Poll::Ready(Some(1)));
    assert!(!source.is_dropped());
    assert_eq!(poll_once(&mut two), Poll::Ready(Some(2)));
    assert!(source.is_dropped(), "with the second item, not with the poll after it");
    assert_eq!(poll_once(&mut two), Poll::Ready(None));
}

#[test]
fn take_of_none_never_polls_and_lets_go_at_once() {
    let script = Script::of([1]);
    let source = script.watch();
    let mut none = script.pipe(take(0));
    assert!(source.is_dropped());
    assert_eq!(poll_once(&mut none), Poll::Ready(None));
    drain(stream::poll_fn(|_| -> Poll<Option<()>> { panic!("polled") }).pipe(take(0)));
}

#[test]
fn take_of_a_borrowed_stream_leaves_the_rest() {
    let mut script = Script::of(1..=4);
    assert_eq!(drain((&mut script).pipe(take(2))), [1, 2]);
    assert_eq!(drain(script), [3, 4]);
}

#[test]
fn dedupe_at_its_capacity() {
    // Two are remembered: 1 is forgotten when 3 comes, unless it was seen again before.
    assert_eq!(drain(Script::of([1, 2, 3, 1]).pipe(dedupe(2))), [1, 2, 3, 1]);
    assert_eq!(drain(Script::of([1, 2, 1, 3, 1]).pipe(dedupe(2))), [1, 2, 3]);
    assert_eq!(drain(Script::of([1, 1, 2, 2, 1]).pipe(dedupe(1))), [1, 2, 1]);
    let all_distinct = drain(Script::of(0..1000).pipe(chain(Script::of(0..1000))).pipe(dedupe(1000)));
    assert_eq!(all_distinct, (0..1000).collect::<Vec<_>>());
}

#[test]
fn dedupe_compares_by_eq_and_not_by_hash() {
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Alike(u32);
    impl Hash for Alike {
        fn hash<H: Hasher>(&self, state: &mut H) {
            0.hash(state);
        }
    }
    let items = Script::of([1, 2, 1, 3, 2]).pipe(map(Alike));
    assert_eq!(drain(items.pipe((dedupe(8), map(|alike: Alike| alike.0)))), [1, 2, 3]);
}

#[test]
fn dedupe_by_takes_the_first_of_a_key() {
    assert_eq!(drain(Script::of([10, 11, 20, 12]).pipe(dedupe_by(8, |n| n / 10))), [10, 20]);
}

#[test]
fn dedupe_consecutive_looks_at_the_previous_item_only() {
    assert_eq!(drain(Script::of([1, 1, 2, 1, 1, 1, 3]).pipe(dedupe_consecutive())), [1, 2, 1, 3]);
}

#[test]
fn join_is_fair_and_each_side_in_order() {
    let both = drain(Script::of(0..100).pipe(join(Script::of(1000..1100))));
    let turns: Vec<u32> = (0..100).flat_map(|n| [n, 1000 + n]).collect();
    assert_eq!(both, turns, "both have items all the time");

    // One that hesitates loses its turn and nothing else.
    let hesitating = Script::new([None, Some(1), Some(2), Some(3)], Tells::All);
    assert_eq!(drain(hesitating.pipe(join(Script::of([10, 20])))), [10, 1, 20, 2, 3]);
}

#[test]
fn join_ends_when_both_have_and_drops_each_when_it_ends() {
    let (one, other) = (Script::of([1]), Script::of([10, 20, 30]));
    let (one_source, other_source) = (one.watch(), other.watch());
    let mut both = one.pipe(join(other));
    assert_eq!([next(&mut both), next(&mut both), next(&mut both)], [Some(1), Some(10), Some(20)]);
    assert!(one_source.is_dropped() && !other_source.is_dropped());
    assert_eq!([next(&mut both), next(&mut both)], [Some(30), None]);
    assert!(other_source.is_dropped());
}

#[test]
fn chain_leaves_the_second_alone_until_the_first_has_ended() {
    let first_ended = RefCell::new(false);
    let mut items = 0..3;
    let first = stream::poll_fn(|_| {
        let item = items.next();
        *first_ended.borrow_mut() = item.is_none();
        Poll::Ready(item)
    });
    let mut more = 3..5;
    let second = stream::poll_fn(|_| {
        assert!(*first_ended.borrow());
        Poll::Ready(more.next())
    });
    assert_eq!(drain(first.pipe(chain(second))), [0, 1, 2, 3, 4]);
}

#[test]
fn window_gives_a_partial_one_only_for_items_that_no_window_had() {
    assert_eq!(drain(Script::of(1..=4).pipe(window(3, 1))), [[1, 2, 3], [2, 3, 4]]);
    assert_eq!(drain(Script::of(1..=4).pipe(window(3, 2))), [vec![1, 2, 3], vec![3, 4]]);
    assert_eq!(drain(Script::of(1..=5).pipe(window(3, 2))), [[1, 2, 3], [3, 4, 5]]);
    assert_eq!(drain(Script::of(1..=2).pipe(window(3, 1))), [[1, 2]]);
    assert_eq!(drain(Script::of(1..=4).pipe(window(3, 3))), [vec![1, 2, 3], vec![4]]);
    assert_eq!(drain(Script::of(1..=7).pipe(window(2, 3))), [vec![1, 2], vec![4, 5], vec![7]]);
    assert!(drain(Script::of([]).pipe(window(3, 1))).is_empty());
}

#[test]
fn tumbling_windows_clone_nothing() {
    #[derive(Debug)]
    struct Unique;
    impl Clone for Unique {
        fn clone(&self) -> Self {
            panic!("cloned");
        }
    }
    let windows = drain(Script::of(0..5).pipe((map(|_| Unique), window(2, 2))));
    assert_eq!(windows.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
}

#[test]
fn flat_passes_over_what_is_empty() {
    assert_eq!(drain(Script::of([0, 2, 0, 0, 1, 0]).pipe((map(|n| vec![n; n as usize]), flat()))), [2, 2, 1]);
    assert_eq!(drain(Script::of([0, 3]).pipe((map(|n| (n > 0).then_some(n)), flat()))), [3]);
}

#[test]
fn the_asynchronous_ones_take_one_item_at_a_time_and_keep_the_order() {
    let running = RefCell::new(0);
    let one_at_a_time = async |n: u32| {
        assert_eq!(running.replace(1), 0);
        for _ in 0..5 - n {
            yield_now().await;
        }
        running.replace(0);
        n
    };
    assert_eq!(drain(Script::of(0..5).pipe(map_async(&one_at_a_time))), [0, 1, 2, 3, 4]);
    let odd = filter_async(|n: &u32| {
        let n = one_at_a_time(*n);
        async { n.await % 2 == 1 }
    });
    assert_eq!(drain(Script::of(0..5).pipe(odd)), [1, 3]);
}

#[test]
fn operators_do_not_clash_with_stream_ext() {
    use futures_util::StreamExt;
    let mixed = Script::of(0..10)
        .filter(|n| ready(n % 2 == 0)) // futures' own
        .pipe(filter(|n| *n > 2))
        .map(|n| n + 1)
        .pipe((map(|n| n * 10), take(3)))
        .take(2);
    assert_eq!(drain(mixed), [50, 70]);
}

/// A named chain, for any source of numbers.
fn firsts<S>(n: usize) -> impl Operator<S, Output: Stream<Item = String> + Unpin> + Clone
where
    S: Stream<Item = u32> + Unpin,
{
    (dedupe(100), take(n), map(|n: u32| format!("#{n}")))
}

#[test]
fn a_chain_of_operators_can_be_named_returned_and_reused() {
    type Pages = (Dedupe, Take, Batch);
    let pages: Pages = (dedupe(100), take(3), batch(2, Duration::ZERO));
    assert_eq!(drain(Script::of([1, 1, 2, 3, 4]).pipe(pages.clone())), [vec![1, 2], vec![3]]);
    assert_eq!(drain(stream::iter(["a", "b", "a"]).pipe(pages)), [["a", "b"]]);

    let chain = firsts(2);
    assert_eq!(drain(Script::of([7, 7, 8, 9]).pipe(chain.clone())), ["#7", "#8"]);
    assert_eq!(drain(pipe(Script::of([5]), chain)), ["#5"]);
    // On another type of stream, and inside of another chain.
    let joined = stream::iter([1u32, 2, 3]).pipe((firsts(2), to_array()));
    assert_eq!(resolve(joined), ["#1", "#2"]);
}

#[test]
fn a_chain_is_applied_left_to_right() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let note = |name: &'static str| {
        let order = Rc::clone(&order);
        map(move |n: u32| {
            order.borrow_mut().push(name);
            n
        })
    };
    drain(pipe(Script::of([1, 2]), (note("a"), (note("b"), note("c")), note("d"))));
    assert_eq!(*order.borrow(), ["a", "b", "c", "d", "a", "b", "c", "d"]);
}

#[test]
fn a_tuple_may_have_up_to_twelve_operators() {
    let add = || map(|n: u32| n + 1);
    let s = || Script::of([0]);
    assert_eq!(drain(s().pipe(())), [0]);
    assert_eq!(drain(s().pipe((add(),))), [1]);
    assert_eq!(drain(s().pipe((add(), add()))), [2]);
    assert_eq!(drain(s().pipe((add(), add(), add()))), [3]);
    assert_eq!(drain(s().pipe((add(), add(), add(), add()))), [4]);
    assert_eq!(drain(s().pipe((add(), add(), add(), add(), add()))), [5]);
    assert_eq!(drain(s().pipe((add(), add(), add(), add(), add(), add()))), [6]);
    assert_eq!(drain(s().pipe((add(), add(), add(), add(), add(), add(), add()))), [7]);
    assert_eq!(drain(s().pipe((add(), add(), add(), add(), add(), add(), add(), add()))), [8]);
    assert_eq!(drain(s().pipe((add(), add(), add(), add(), add(), add(), add(), add(), add()))), [9]);
    assert_eq!(drain(s().pipe((add(), add(), add(), add(), add(), add(), add(), add(), add(), add()))), [10]);
    assert_eq!(
        drain(s().pipe((add(), add(), add(), add(), add(), add(), add(), add(), add(), add(), add()))),
        [11]
    );
    assert_eq!(
        drain(s().pipe((add(), add(), add(), add(), add(), add(), add(), add(), add(), add(), add(), add()))),
        [12]
    );
}

#[test]
fn sizes_of_zero_panic_at_construction() {
    fn message(construct: impl Fn() + std::panic::UnwindSafe) -> String {
        let panic = catch_unwind(construct).expect_err("did not panic");
        panic.downcast_ref::<&str>().map(ToString::to_string).unwrap_or_default()
    }
    let messages = [
        message(|| drop(batch(0, Duration::ZERO))),
        message(|| drop(dedupe(0))),
        message(|| drop(dedupe_by(0, |n: &u32| *n))),
        message(|| drop(window(0, 1))),
        message(|| drop(window(1, 0))),
        message(|| drop(window_time(Duration::ZERO))),
        message(|| drop(window_time(Duration::MAX).max_items(0))),
        message(|| _ = GroupLimits::default().with_capacity(0)),
        message(|| _ = GroupLimits::default().with_max_groups(0)),
    ];
    let distinct: HashSet<&String> = messages.iter().collect();
    assert!(messages.iter().all(|message| message.contains("must")), "{messages:?}");
    assert!(distinct.len() >= 8, "{messages:?}");
}

#[test]
#[should_panic(expected = "polled after it had resolved")]
fn a_future_that_has_resolved_panics_when_polled_again() {
    let mut all = Script::of([1]).pipe(to_array());
    resolve(&mut all);
    resolve(&mut all);
}
