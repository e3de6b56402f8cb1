//! What the models have in common.

use std::future::poll_fn;

use loom::future::block_on;
use loom::model::Builder;

use super::super::fixture::{Hub, Read, event};
use crate::gap::GapReason;
use crate::router::dispatching::Dispatching;
use crate::router::{Item, RawSubscription};

/// How often a thread is interrupted where it need not be; LOOM_MAX_PREEMPTIONS says otherwise. Most mistakes take one or two.
const PREEMPTIONS: usize = 2;

pub(super) fn explore(model: impl Fn() + Send + Sync + 'static) {
    explore_with(PREEMPTIONS, model);
}

/// For models with so many threads and steps that fewer interruptions have to do.
pub(super) fn explore_with(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 50_000;
    builder.check(model);
}

/// What comes next, waited for.
pub(super) fn next(subscription: &mut RawSubscription) -> Read {
    match block_on(poll_fn(|cx| subscription.poll_next(cx))) {
        Some(Item::Event(event)) => Read::Event(*event.decode::<u64>().unwrap().payload()),
        Some(Item::Gap(gap)) => Read::Gap(gap),
        None => Read::Closed,
    }
}

/// All there is, up to the end.
pub(super) fn all(subscription: &mut RawSubscription) -> Vec<Read> {
    let mut all = Vec::new();
    loop {
        match next(subscription) {
            Read::Closed => return all,
            other => all.push(other),
        }
    }
}

/// Checks that events come in order from `first` on, and that each that does not come stands in a gap at its place. Returns the
/// number behind the last one.
pub(super) fn in_place(first: u64, seen: &[Read]) -> u64 {
    seen.iter().fold(first, |expected, read| match read {
        Read::Event(number) => {
            assert_eq!(*number, expected, "{seen:?}");
            expected + 1
        }
        Read::Gap(gap) => {
            assert_eq!(gap.reason(), GapReason::Overflow);
            expected + gap.missed().expect("it is known")
        }
        other => panic!("{other:?}"),
    })
}

/// Publishes, and waits for room where it has to. How many receive it.
pub(super) fn publish(hub: &Hub, topic: &str, number: u64) -> u64 {
    match hub.router().try_dispatch(event(topic, number)) {
        Ok(receivers) => receivers,
        Err(full) => block_on(Dispatching::new(hub.router().clone(), full)).unwrap_or(0),
    }
}
