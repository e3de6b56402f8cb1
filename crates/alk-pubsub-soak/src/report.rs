//! What is said while it runs and at the end.

use std::sync::atomic::Ordering;

use crate::faults::Killed;
use crate::hub::Cost;
use crate::ledger::{Kind, Ledger};

/// One line of numbers.
pub(crate) fn numbers(ledger: &Ledger, killed: &Killed) -> String {
    let counted = &ledger.counted;
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let settled =
        Kind::ALL.map(|kind| format!("{} {}", kind.as_str(), read(&counted.settled[kind as usize])));
    format!(
        "published {} (+{} uncertain), delivered {}, in gaps {}, gaps {:?} ({} times as many missing as they said), \
         subscriptions {} ({} refused; settled {}, to everything {}), killed: Redis {}, hubs {} and {}; violations {}",
        read(&counted.published),
        read(&counted.uncertain),
        read(&counted.delivered),
        read(&counted.in_gaps),
        ledger.gaps(),
        read(&counted.accounted),
        read(&counted.subscriptions),
        read(&counted.refused),
        settled.join(", "),
        read(&counted.settled_everything),
        read(&killed.redis),
        read(&killed.hubs[0]),
        read(&killed.hubs[1]),
        ledger.violations(),
    )
}

/// What one hub cost at several moments.
#[derive(Default)]
pub(crate) struct Costs {
    /// Before the first client.
    pub(crate) fresh: Option<Cost>,
    /// With all clients, when it was not killed any more for a while.
    pub(crate) warm: Option<Cost>,
    /// With all clients, at the end.
    pub(crate) end: Option<Cost>,
    /// When all clients had gone.
    pub(crate) after: Option<Cost>,
}

/// How much more memory there may be at the end than when it was warm.
const MORE_MEMORY: f64 = 1.25;
const MORE_KIB: u64 = 8 << 10;
/// How many times the tasks, where other clients are there than before.
const TIMES_TASKS: f64 = 1.5;
/// Descriptors and tasks that a fresh hub had not opened or begun yet, and threads that its runtime keeps for a while.
const MORE_DESCRIPTORS: usize = 4;
const MORE_TASKS: u64 = 4;
const MORE_THREADS: u64 = 8;

/// What is left at a hub without clients that was not there when it was fresh.
pub(crate) fn left(fresh: Cost, after: Cost) -> Vec<String> {
    let mut left = Vec::new();
    if after.descriptors > fresh.descriptors + MORE_DESCRIPTORS {
        left.push(format!("descriptors are left: {fresh} at first, {after} when all had gone"));
    }
    if after.threads > fresh.threads + MORE_THREADS {
        left.push(format!("threads are left: {fresh} at first, {after} when all had gone"));
    }
    if after.tasks > fresh.tasks + MORE_TASKS {
        left.push(format!("tasks are left: {fresh} at first, {after} when all had gone"));
    }
    left
}

impl Costs {
    /// What is not as it should be.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let (Some(_), Some(warm), Some(end), Some(after)) = (self.fresh, self.warm, self.end, self.after)
        else {
            return vec!["the cost of the hub is not known at all times".to_owned()];
        };
        let mut wrong = Vec::new();
        if end.rss_kib > (warm.rss_kib as f64 * MORE_MEMORY) as u64 + MORE_KIB {
            wrong.push(format!("memory grew from {warm} to {end}"));
        }
        if after.rss_kib > end.rss_kib + MORE_KIB {
            wrong.push(format!("memory grew from {end} to {after} while everybody left"));
        }
        if end.tasks as f64 > warm.tasks as f64 * TIMES_TASKS {
            wrong.push(format!("tasks grew from {warm} to {end}"));
        }
        wrong
    }

    pub(crate) fn print(&self) {
        let shown = |cost: Option<Cost>| cost.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string());
        println!("the hub that was not killed any more:");
        println!("  fresh, without clients  {}", shown(self.fresh));
        println!("  warm, with clients      {}", shown(self.warm));
        println!("  at the end, with them   {}", shown(self.end));
        println!("  when all had gone       {}", shown(self.after));
    }
}

#[cfg(test)]
mod tests {
    use super::{Cost, Costs, left};

    fn cost(rss_kib: u64, descriptors: usize, tasks: u64) -> Cost {
        Cost { rss_kib, descriptors, threads: 4, tasks }
    }

    #[test]
    fn what_grows_is_found() {
        let good = || Costs {
            fresh: Some(cost(10_000, 20, 9)),
            warm: Some(cost(40_000, 150, 300)),
            end: Some(cost(42_000, 150, 310)),
            after: Some(cost(41_000, 21, 9)),
        };
        assert_eq!(good().wrong(), [] as [String; 0]);
        assert_eq!(Costs { end: Some(cost(90_000, 150, 300)), ..good() }.wrong().len(), 1);
        assert_eq!(Costs { end: Some(cost(42_000, 150, 500)), ..good() }.wrong().len(), 1);
        assert_eq!(Costs { after: Some(cost(80_000, 20, 9)), ..good() }.wrong().len(), 1);
        assert_eq!(Costs { warm: None, ..good() }.wrong().len(), 1);
    }

    #[test]
    fn what_stays_is_found() {
        let fresh = cost(10_000, 20, 9);
        assert_eq!(left(fresh, cost(41_000, 21, 10)), [] as [String; 0]);
        assert_eq!(left(fresh, cost(41_000, 40, 9)).len(), 1);
        assert_eq!(left(fresh, cost(41_000, 20, 19)).len(), 1);
        assert_eq!(left(fresh, Cost { threads: 40, ..fresh }).len(), 1);
    }
}
