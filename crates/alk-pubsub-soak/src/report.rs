//! What is said while it runs and at the end.

use std::sync::atomic::Ordering;

use crate::faults::Killed;
use crate::hub::Cost;
use crate::ledger::Ledger;

/// One line of numbers.
pub(crate) fn numbers(ledger: &Ledger, killed: &Killed) -> String {
    let counted = &ledger.counted;
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    format!(
        "published {} (+{} uncertain), delivered {}, in gaps {}, gaps {:?}, subscriptions {} ({} settled, {} refused), \
         killed: Redis {}, hubs {} and {}; violations {}",
        read(&counted.published),
        read(&counted.uncertain),
        read(&counted.delivered),
        read(&counted.in_gaps),
        ledger.gaps(),
        read(&counted.subscriptions),
        read(&counted.settled),
        read(&counted.refused),
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
/// Descriptors that a fresh hub had not opened yet, and threads that its runtime keeps for a while.
const MORE_DESCRIPTORS: usize = 4;
const MORE_THREADS: u64 = 8;

impl Costs {
    /// What is not as it should be.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let (Some(fresh), Some(warm), Some(end), Some(after)) = (self.fresh, self.warm, self.end, self.after)
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
        if after.descriptors > fresh.descriptors + MORE_DESCRIPTORS {
            wrong.push(format!("descriptors are left: {fresh} at first, {after} when all had gone"));
        }
        if after.threads > fresh.threads + MORE_THREADS {
            wrong.push(format!("threads are left: {fresh} at first, {after} when all had gone"));
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
    use super::{Cost, Costs};

    fn cost(rss_kib: u64, descriptors: usize) -> Option<Cost> {
        Some(Cost { rss_kib, descriptors, threads: 4 })
    }

    #[test]
    fn what_grows_or_stays_is_found() {
        let good = || Costs {
            fresh: cost(10_000, 20),
            warm: cost(40_000, 150),
            end: cost(42_000, 150),
            after: cost(41_000, 21),
        };
        assert_eq!(good().wrong(), [] as [String; 0]);
        assert_eq!(Costs { end: cost(90_000, 150), ..good() }.wrong().len(), 1);
        assert_eq!(Costs { after: cost(41_000, 40), ..good() }.wrong().len(), 1);
        assert_eq!(Costs { after: cost(80_000, 20), ..good() }.wrong().len(), 1);
        assert_eq!(Costs { warm: None, ..good() }.wrong().len(), 1);
    }
}
