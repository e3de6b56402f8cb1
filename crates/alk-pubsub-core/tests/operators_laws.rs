//! Laws that hold for every operator, each in one test over all of them.

mod operators_support;

use std::fmt::Debug;
use std::future::ready;
use std::hash::Hash;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use alk_pubsub_core::operators::{
    Group, GroupByStream, GroupLimits, Operator, StreamPipe, batch, chain, dedupe, dedupe_by,
    dedupe_consecutive, filter, filter_async, flat, group_by, join, map, map_async, reduce, take, to_array,
    window, window_time,
};
use futures_core::{FusedFuture, Stream};
use futures_util::{StreamExt, stream};
use operators_support::{Script, Shown, Tells, drain, next, poll_once, resolve, shown, shown_as};
use proptest::prelude::*;
use tokio::runtime::{Builder, Handle};
use tokio::task::yield_now;

/// An operator on a script.
struct Case {
    name: &'static str,
    /// While it holds something, it waits for time.
    timed: bool,
    build: fn(Script) -> Shown,
}

const LONG: Duration = Duration::from_secs(3600);

/// From here on, the items of the other side of a `join`.
const OTHER_SIDE: u32 = 1000;

fn cases() -> Vec<Case> {
    fn case(name: &'static str, build: fn(Script) -> Shown) -> Case {
        Case { name, timed: false, build }
    }
    fn timed(name: &'static str, build: fn(Script) -> Shown) -> Case {
        Case { name, timed: true, build }
    }
    fn limits() -> GroupLimits {
        GroupLimits::default().with_max_groups(3).with_capacity(4)
    }
    vec![
        case("filter", |s| shown(s.pipe(filter(|n| n % 2 == 0)))),
        case("filter_async", |s| shown(s.pipe(filter_async(|n: &u32| even_after_a_while(*n))))),
        case("map", |s| shown(s.pipe(map(|n| n + 1)))),
        case("map_async", |s| shown(s.pipe(map_async(even_after_a_while)))),
        case("pipe", |s| shown(s.pipe((filter(|n| n % 2 == 0), map(|n| n + 1), take(5))))),
        case("pipe of none", |s| shown(s.pipe(((), map(|n: u32| n))))),
        case("take", |s| shown(s.pipe(take(3)))),
        case("take none", |s| shown(s.pipe(take(0)))),
        timed("batch", |s| shown(s.pipe(batch(3, LONG)))),
        case("batch without delay", |s| shown(s.pipe((batch(1, LONG), flat())))),
        case("dedupe", |s| shown(s.pipe(dedupe(3)))),
        case("dedupe_by", |s| shown(s.pipe(dedupe_by(2, |n| n / 2)))),
        case("dedupe_consecutive", |s| shown(s.pipe(dedupe_consecutive()))),
        case("window tumbling", |s| shown(s.pipe(window(3, 3)))),
        case("window sliding", |s| shown(s.pipe(window(3, 2)))),
        case("window hopping", |s| shown(s.pipe(window(2, 5)))),
        timed("window_time", |s| shown(s.pipe(window_time(LONG).max_items(4)))),
        case("flat", |s| shown(s.pipe((map(|n| 0..n % 4), flat())))),
        case("chain", |s| shown(s.pipe(chain(Script::of([7, 8]))))),
        case("chain as second", |s| shown(Script::of([7, 8]).pipe(chain(s)))),
        case("join", |s| {
            shown(s.pipe(join(Script::new([Some(OTHER_SIDE), None, Some(OTHER_SIDE + 1)], Tells::All))))
        }),
        case("group_by, groups dropped", |s| {
            shown_as(s.pipe(group_by(|n| n % 5, limits())), |(key, _)| key.to_string())
        }),
        case("group_by, groups kept", |s| {
            let mut groups = Vec::new();
            shown_as(s.pipe(group_by(|n| n % 5, limits())), move |(key, group)| {
                groups.push(group);
                key.to_string()
            })
        }),
        case("a group, alone", |s| {
            first_group(&mut s.pipe(group_by(|n| n % 2, limits()))).unwrap_or_else(nothing)
        }),
        case("a group, the stream of groups not polled", |s| {
            let mut groups = s.pipe(group_by(|n| n % 2, limits()));
            let group = first_group(&mut groups).unwrap_or_else(nothing);
            shown_as(group, move |item| {
                let _kept = &groups;
                item
            })
        }),
    ]
}

fn first_group<S, K, F>(groups: &mut GroupByStream<S, K, F>) -> Option<Shown>
where
    S: Stream<Item = u32> + 'static,
    K: Clone + Eq + Hash + 'static,
    F: FnMut(&u32) -> K + 'static,
{
    next(groups).map(|(_, group)| shown(group))
}

fn nothing() -> Shown {
    shown(stream::empty::<u32>())
}

async fn even_after_a_while(n: u32) -> bool {
    for _ in 0..n % 3 {
        yield_now().await;
    }
    n.is_multiple_of(2)
}

/// Items, and `None` for a moment without one.
fn steps() -> impl Strategy<Value = Vec<Option<u32>>> {
    prop::collection::vec(prop::option::weighted(0.7, 0u32..12), 0..40)
}

fn tells() -> impl Strategy<Value = Tells> {
    prop_oneof![Just(Tells::All), Just(Tells::Something), Just(Tells::Nothing)]
}

/// The steps without the moments that an operator with a timer would need a runtime for.
fn for_case(case: &Case, steps: &[Option<u32>]) -> Vec<Option<u32>> {
    steps.iter().copied().filter(|step| step.is_some() || !case.timed).collect()
}

/// What is the same however the items arrive: both sides of a `join`, without how they alternate.
fn in_any_interleaving(case: &Case, items: Vec<String>) -> (Vec<String>, Vec<String>) {
    let other_side = |item: &String| case.name == "join" && item.parse().is_ok_and(|n: u32| n >= OTHER_SIDE);
    items.into_iter().partition(other_side)
}

proptest! {
    #[test]
    fn size_hint_never_lies(steps in steps(), tells in tells()) {
        for case in cases() {
            let mut stream = (case.build)(Script::new(for_case(&case, &steps), tells));
            let mut hints = vec![(stream.size_hint(), 0)];
            let mut given = 0;
            loop {
                match poll_once(&mut stream) {
                    Poll::Ready(None) => break,
                    Poll::Ready(Some(_)) => given += 1,
                    Poll::Pending => {}
                }
                hints.push((stream.size_hint(), given));
            }
            prop_assert_eq!(stream.size_hint(), (0, Some(0)), "{} after its end", case.name);
            for ((lower, upper), before) in hints {
                let rest = given - before;
                prop_assert!(
                    lower <= rest && upper.is_none_or(|upper| rest <= upper),
                    "{}: {:?} when {} were to come", case.name, (lower, upper), rest
                );
            }
        }
    }

    #[test]
    fn fused_after_the_end_and_the_source_released(steps in steps(), tells in tells()) {
        for case in cases() {
            let script = Script::new(for_case(&case, &steps), tells);
            let source = script.watch();
            let mut stream = (case.build)(script);
            let mut terminated = stream.is_terminated();
            while next(&mut stream).is_some() {
                prop_assert!(!terminated, "{} said it had ended, and gave an item", case.name);
                terminated = stream.is_terminated();
            }
            for _ in 0..3 {
                prop_assert!(stream.is_terminated(), "{} has ended and does not say so", case.name);
                prop_assert_eq!(poll_once(&mut stream), Poll::Ready(None), "{}", case.name);
            }
            prop_assert!(source.is_dropped(), "{} holds on to a source that has ended", case.name);
        }
    }

    #[test]
    fn dropping_drops_the_source(steps in steps(), polls in 0usize..20) {
        for case in cases() {
            let script = Script::new(for_case(&case, &steps), Tells::All);
            let source = script.watch();
            let mut stream = (case.build)(script);
            for _ in 0..polls {
                let _ = poll_once(&mut stream);
            }
            drop(stream);
            prop_assert!(source.is_dropped(), "{} is gone and its source is not", case.name);
        }
    }

    #[test]
    fn a_dropped_pending_next_loses_nothing(steps in steps()) {
        // A clock that stands still, for those with a timer: their deadline does not come while others have
        // something to do.
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _guard = runtime.enter();
        for case in cases() {
            // `drain` makes a new `next()` for every poll.
            let interrupted = drain((case.build)(Script::new(steps.clone(), Tells::All)));
            let at_once = drain((case.build)(Script::of(steps.iter().copied().flatten())));
            prop_assert_eq!(
                in_any_interleaving(&case, interrupted), in_any_interleaving(&case, at_once), "{}", case.name
            );
        }
    }
}

#[test]
fn usable_outside_a_runtime_where_no_time_is_involved() {
    assert!(Handle::try_current().is_err());
    for case in cases() {
        drain((case.build)(Script::of(0..10)));
    }
    assert_eq!(resolve(Script::of(0..10).pipe(to_array())).len(), 10);
    assert_eq!(resolve(Script::of(0..10).pipe(reduce(0, |sum, n| sum + n))), 45);
}

#[test]
fn those_with_a_timer_may_be_dropped_outside_a_runtime() {
    let build: [fn(Script) -> Shown; 2] =
        [|s| shown(s.pipe(batch(3, LONG))), |s| shown(s.pipe(window_time(LONG)))];
    for build in build {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let script = Script::new([Some(1), None, None], Tells::All);
        let source = script.watch();
        let mut stream = build(script);
        runtime.block_on(async { assert_eq!(poll_once(&mut stream), Poll::Pending) });
        drop(runtime);
        drop(stream);
        assert!(source.is_dropped());
    }
}

#[test]
fn the_futures_keep_what_they_have_and_release_the_source() {
    let steps = [Some(1), None, Some(2), None, Some(3)];
    let script = Script::new(steps, Tells::All);
    let source = script.watch();
    let mut sum = script.pipe(reduce(0, |sum, n| sum + n));
    assert_eq!(resolve(&mut sum), 6);
    assert!(sum.is_terminated() && source.is_dropped());

    let script = Script::new(steps, Tells::Nothing);
    let source = script.watch();
    let mut all = script.pipe(to_array());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut all).poll(&mut cx).is_pending());
    assert!(!all.is_terminated());
    assert_eq!(resolve(&mut all), [1, 2, 3]);
    assert!(all.is_terminated() && source.is_dropped());

    let script = Script::new(steps, Tells::All);
    let source = script.watch();
    let mut unfinished = script.pipe(to_array());
    assert!(Pin::new(&mut unfinished).poll(&mut cx).is_pending());
    drop(unfinished);
    assert!(source.is_dropped());
}

/// Pipes every operator onto a source of type `S` and asks `check` about the result.
macro_rules! for_all_operators {
    ($source:expr, $check:ident) => {
        $check($source.pipe(filter(|_| true)));
        $check($source.pipe(filter_async(|_: &u32| even_after_a_while(0))));
        $check($source.pipe(map(|n| n)));
        $check($source.pipe(map_async(even_after_a_while)));
        $check($source.pipe((map(|n| n), take(1))));
        $check($source.pipe(take(1)));
        $check($source.pipe(reduce(0u32, |sum, n: u32| sum + n)));
        $check($source.pipe(to_array()));
        $check($source.pipe(batch(1, LONG)));
        $check($source.pipe(dedupe(1)));
        $check($source.pipe(dedupe_by(1, |n| *n)));
        $check($source.pipe(dedupe_consecutive()));
        $check($source.pipe(window(1, 1)));
        $check($source.pipe(window_time(LONG)));
        $check($source.pipe((map(|n| [n]), flat())));
        $check($source.pipe(chain($source)));
        $check($source.pipe(join($source)));
        $check($source.pipe(group_by(|n| *n, GroupLimits::default())));
        $check(group_of($source.pipe(group_by(|n| *n, GroupLimits::default()))));
    };
}

/// For its type alone.
fn group_of<S: Stream, K, F>(_groups: GroupByStream<S, K, F>) -> Option<Group<S, K, F>> {
    None
}

#[test]
fn send_when_the_source_is() {
    fn is_send<T: Send + 'static>(_: T) {}
    for_all_operators!(Script::of([1]), is_send);
    fn operator_is_send_and_sync<T: Send + Sync + Clone + Operator<Script>>(_: T) {}
    operator_is_send_and_sync((dedupe(1), batch(1, LONG), flat(), group_by(|n| *n, GroupLimits::default())));
}

#[test]
fn a_source_that_is_not_send_will_do() {
    fn is_anything<T>(_: T) {}
    let only_here = Rc::new(1);
    for_all_operators!(stream::iter([1u32]).map(|n| n * *Rc::clone(&only_here)), is_anything);
}

#[test]
fn unpin_when_the_source_and_its_futures_are() {
    fn is_unpin<T: Unpin>(_: T) {}
    is_unpin(Script::of([1]).pipe((dedupe(1), batch(1, LONG), flat(), window(1, 1), window_time(LONG))));
    is_unpin(Script::of([1]).pipe(filter_async(|_: &u32| ready(true))));
    // The stream of groups is in any case.
    is_unpin(Script::of([1]).pipe((map_async(even_after_a_while), group_by(|n| *n, GroupLimits::default()))));
}

#[test]
fn debug_shows_the_source_and_no_closure() {
    let text = format!("{:?}", Script::of([1]).pipe((filter(|_| true), map(|n: u32| n), batch(2, LONG))));
    for part in ["BatchStream", "MapStream", "FilterStream", "Script", "size: 2"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert_eq!(format!("{:?}", filter(|_: &u32| true)), "Filter { .. }");
    assert_eq!(format!("{:?}", dedupe_by(3, |n: &u32| *n)), "DedupeBy { capacity: 3, .. }");
    let mut done = Script::of([]).pipe(map(|n| n));
    assert_eq!(poll_once(&mut done), Poll::Ready(None));
    assert_eq!(format!("{done:?}"), "MapStream { source: (done), .. }");
    fn shows_its_name<T: Debug>(output: T) {
        let (name, text) = (std::any::type_name::<T>(), format!("{output:?}"));
        let name = name.split('<').next().and_then(|path| path.rsplit("::").next()).unwrap();
        assert!(text.starts_with(name) || name == "Option", "{name} shows itself as {text}");
    }
    for_all_operators!(Script::of([1]), shows_its_name);
}
