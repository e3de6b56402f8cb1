//! What each operator gives, against a few plain lines over a `Vec`.

mod operators_support;

use std::collections::VecDeque;
use std::time::Duration;

use alk_pubsub_core::operators::{
    GroupLimits, StreamPipe, batch, chain, dedupe, dedupe_by, dedupe_consecutive, filter, filter_async, flat,
    group_by, join, map, map_async, pipe, reduce, take, to_array, window, window_time,
};
use operators_support::{Script, Tells, drain, next, resolve};
use proptest::prelude::*;
use tokio::runtime::Builder;
use tokio::task::yield_now;

const LONG: Duration = Duration::from_secs(3600);

/// Items, and moments without one.
fn steps() -> impl Strategy<Value = Vec<Option<u32>>> {
    prop::collection::vec(prop::option::weighted(0.8, 0u32..12), 0..60)
}

fn script(steps: &[Option<u32>]) -> Script {
    Script::new(steps.to_vec(), Tells::Something)
}

fn items(steps: &[Option<u32>]) -> Vec<u32> {
    steps.iter().copied().flatten().collect()
}

/// The first of each key, where `capacity` keys are remembered, the one not seen for longest forgotten first.
fn first_of_each<K: PartialEq>(items: &[u32], capacity: usize, key: impl Fn(u32) -> K) -> Vec<u32> {
    let mut seen = VecDeque::new();
    let mut first = Vec::new();
    for item in items {
        let key = key(*item);
        if let Some(at) = seen.iter().position(|known| *known == key) {
            seen.remove(at);
        } else {
            seen.truncate(capacity - 1);
            first.push(*item);
        }
        seen.push_front(key);
    }
    first
}

/// Windows one by one, until one reaches the end.
fn windows(items: &[u32], size: usize, step: usize) -> Vec<Vec<u32>> {
    let mut windows = Vec::new();
    for begin in (0..items.len()).step_by(step) {
        let end = items.len().min(begin + size);
        windows.push(items[begin..end].to_vec());
        if end == items.len() {
            break;
        }
    }
    windows
}

async fn after_a_while(n: u32) -> u32 {
    for _ in 0..n % 3 {
        yield_now().await;
    }
    n
}

proptest! {
    #[test]
    fn filter_is_the_iterators(steps in steps()) {
        let model: Vec<_> = items(&steps).into_iter().filter(|n| n % 3 == 0).collect();
        prop_assert_eq!(&drain(script(&steps).pipe(filter(|n| n % 3 == 0))), &model);
        let decided_later = filter_async(|n: &u32| {
            let n = after_a_while(*n);
            async move { n.await % 3 == 0 }
        });
        prop_assert_eq!(drain(script(&steps).pipe(decided_later)), model);
    }

    #[test]
    fn map_is_the_iterators(steps in steps()) {
        let model: Vec<_> = items(&steps).into_iter().map(|n| n * 2).collect();
        prop_assert_eq!(&drain(script(&steps).pipe(map(|n| n * 2))), &model);
        prop_assert_eq!(drain(script(&steps).pipe((map_async(after_a_while), map(|n| n * 2)))), model);
    }

    #[test]
    fn take_is_the_iterators(steps in steps(), n in 0usize..10) {
        let model: Vec<_> = items(&steps).into_iter().take(n).collect();
        prop_assert_eq!(drain(script(&steps).pipe(take(n))), model);
    }

    #[test]
    fn reduce_is_fold_and_to_array_is_collect(steps in steps()) {
        let model = items(&steps).into_iter().fold(7u32, |a, n| a.wrapping_mul(31) ^ n);
        prop_assert_eq!(resolve(script(&steps).pipe(reduce(7u32, |a, n| a.wrapping_mul(31) ^ n))), model);
        prop_assert_eq!(resolve(script(&steps).pipe(to_array())), items(&steps));
    }

    #[test]
    fn pipe_is_one_after_the_other(steps in steps()) {
        let in_one = pipe(script(&steps), (filter(|n| n % 2 == 0), map(|n| n + 1), take(4)));
        let one_by_one = script(&steps).pipe(filter(|n| n % 2 == 0)).pipe(map(|n| n + 1)).pipe(take(4));
        prop_assert_eq!(drain(in_one), drain(one_by_one));
    }

    #[test]
    fn batches_are_chunks_where_time_stands_still(steps in steps(), size in 1usize..8) {
        let items = items(&steps);
        let model: Vec<_> = items.chunks(size).map(<[_]>::to_vec).collect();
        prop_assert_eq!(&drain(Script::of(items).pipe(batch(size, LONG))), &model);

        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _guard = runtime.enter();
        prop_assert_eq!(&drain(script(&steps).pipe(batch(size, LONG))), &model);
        prop_assert_eq!(drain(script(&steps).pipe(window_time(LONG).max_items(size))), model);
    }

    #[test]
    fn a_batch_without_delay_is_what_is_ready(steps in steps(), size in 1usize..8) {
        let ready = steps.split(Option::is_none).flat_map(|ready| ready.chunks(size));
        let model: Vec<Vec<u32>> = ready.map(items).collect();
        prop_assert_eq!(drain(script(&steps).pipe(batch(size, Duration::ZERO))), model);
    }

    #[test]
    fn dedupe_gives_the_first_of_each(steps in steps(), capacity in 1usize..8) {
        let items = items(&steps);
        prop_assert_eq!(drain(script(&steps).pipe(dedupe(capacity))), first_of_each(&items, capacity, |n| n));
        prop_assert_eq!(
            drain(script(&steps).pipe(dedupe_by(capacity, |n| n / 3))),
            first_of_each(&items, capacity, |n| n / 3)
        );
        let mut model = items;
        model.dedup();
        prop_assert_eq!(drain(script(&steps).pipe(dedupe_consecutive())), model);
    }

    #[test]
    fn windows_are_slices(steps in steps(), size in 1usize..8, step in 1usize..12) {
        let windows = windows(&items(&steps), size, step);
        prop_assert_eq!(drain(script(&steps).pipe(window(size, step))), windows);
    }

    #[test]
    fn flat_is_flatten(steps in steps()) {
        let model: Vec<_> = items(&steps).into_iter().flat_map(|n| 0..n % 4).collect();
        prop_assert_eq!(drain(script(&steps).pipe((map(|n| 0..n % 4), flat()))), model);
    }

    #[test]
    fn flat_takes_apart_what_window_made(steps in steps(), size in 1usize..8) {
        prop_assert_eq!(drain(script(&steps).pipe((window(size, size), flat()))), items(&steps));
    }

    #[test]
    fn chain_is_both_in_turn(first in steps(), second in steps()) {
        let model = [items(&first), items(&second)].concat();
        prop_assert_eq!(drain(script(&first).pipe(chain(script(&second)))), model);
    }

    #[test]
    fn join_keeps_each_sides_order_and_loses_nothing(one in steps(), other in steps()) {
        let both = drain(script(&one).pipe(map(|n| (1, n))).pipe(join(script(&other).pipe(map(|n| (2, n))))));
        let side = |side| both.iter().filter(|item| item.0 == side).map(|item| item.1).collect::<Vec<_>>();
        prop_assert_eq!((side(1), side(2)), (items(&one), items(&other)));
    }

    #[test]
    fn groups_hold_the_last_of_their_items(steps in steps(), capacity in 1usize..8) {
        let limits = GroupLimits::default().with_capacity(capacity);
        let groups = drain(script(&steps).pipe(group_by(|n| n % 5, limits)));
        let keys: Vec<_> = groups.iter().map(|(key, _)| *key).collect();
        let firsts = first_of_each(&items(&steps), 5, |n| n % 5);
        prop_assert_eq!(keys, firsts.iter().map(|n| n % 5).collect::<Vec<_>>());
        for (key, group) in groups {
            let all: Vec<_> = items(&steps).into_iter().filter(|n| n % 5 == key).collect();
            let missed = all.len().saturating_sub(capacity);
            prop_assert_eq!(group.missed(), missed as u64);
            prop_assert_eq!(drain(group), &all[missed..]);
        }
    }

    #[test]
    fn groups_read_one_after_the_other_account_for_every_item(
        steps in steps(),
        capacity in 1usize..4,
        max_groups in 1usize..4,
        reads in prop::collection::vec(0usize..4, 0..40),
    ) {
        let limits = GroupLimits::default().with_max_groups(max_groups).with_capacity(capacity);
        let mut groups = script(&steps).pipe(group_by(|n| n % 5, limits));
        let (mut open, mut seen, mut missed) = (Vec::new(), Vec::new(), 0);
        // Reads here and there, and then all to the end.
        for read in reads {
            match open.get_mut(read) {
                None => open.extend(next(&mut groups)),
                Some((key, group)) => {
                    let item = next(group);
                    prop_assert!(item.is_none_or(|n| n % 5 == *key));
                    seen.extend(item);
                }
            }
        }
        while let Some(group) = next(&mut groups) {
            open.push(group);
        }
        for (_, mut group) in open {
            while let Some(item) = next(&mut group) {
                seen.push(item);
            }
            missed += group.missed();
        }
        missed += groups.missed();
        prop_assert_eq!(seen.len() as u64 + missed, items(&steps).len() as u64);
    }
}
