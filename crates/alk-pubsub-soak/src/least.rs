//! What a run has to have done: one in which little happened shows nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Args;
use crate::faults::Killed;
use crate::ledger::{COUNTED, Kind, Ledger};

/// For each minute; about a fifth of what two shared cores did without optimisation, less of what chance decides.
const PUBLISHED: u64 = 2000;
const GAPS: u64 = 100;
/// For each minute and client.
const DELIVERED: u64 = 50;
/// For each minute and ten clients of its kind.
const SETTLED: u64 = 5;
/// For each minute and slow client.
const ACCOUNTED: u64 = 1;
/// Servers are killed in all minutes but the last one.
const REDIS_KILLED: u64 = 1;
/// Each hub, for four minutes: one of them is spared in the second half.
const HUB_KILLED: u64 = 1;

/// Each thing that happened too seldom.
pub(crate) fn missing(args: &Args, ledger: &Ledger, killed: &Killed) -> Vec<String> {
    let Args { minutes, spokes, streams, slow, .. } = *args;
    let counted = &ledger.counted;
    let settled = |kind: Kind| &counted.settled[kind as usize];
    let gaps = ledger.gaps();
    let by_hubs = AtomicU64::new(gaps.get(&format!("remote{COUNTED}")).copied().unwrap_or_default());
    let gaps = AtomicU64::new(gaps.values().sum());
    let clients = spokes + streams;
    let everything = minutes * clients / 100;
    let hub = (minutes - 1) / 4 * HUB_KILLED;
    let checks = [
        ("events published", &counted.published, minutes * PUBLISHED),
        ("events delivered", &counted.delivered, minutes * clients * DELIVERED),
        ("gaps", &gaps, (minutes - 1) * GAPS.min(clients)),
        ("gaps whose number of missing events was checked", &counted.accounted, minutes * slow * ACCOUNTED),
        ("gaps of spokes that hubs had to wait for", &by_hubs, minutes * slow / 30),
        ("spokes that got all they were owed", settled(Kind::Spoke), minutes * spokes * SETTLED / 10),
        ("streams that got all they were owed", settled(Kind::Stream), minutes * streams * SETTLED / 10),
        ("slow spokes that got all they were owed", settled(Kind::SlowSpoke), minutes * slow / 10),
        ("slow streams that got all they were owed", settled(Kind::SlowStream), minutes * slow / 20),
        ("subscriptions to everything that got it", &counted.settled_everything, everything),
        ("kills of Redis", &killed.redis, (minutes - 1) * REDIS_KILLED),
        ("kills of the first hub", &killed.hubs[0], hub),
        ("kills of the second hub", &killed.hubs[1], hub),
    ];
    let checks =
        checks.into_iter().map(|(what, counter, least)| (what, counter.load(Ordering::Relaxed), least));
    checks
        .filter(|(_, number, least)| number < least)
        .map(|(what, number, least)| format!("too little happened: {what} {number}, not {least} at least"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use clap::Parser;

    use super::missing;
    use crate::Args;
    use crate::faults::Killed;
    use crate::ledger::{Kind, Ledger, add};

    #[test]
    fn a_run_in_which_nothing_happened_is_none() {
        let args = Args::parse_from(["soak", "--hub", "hub", "--minutes", "5"]);
        let (ledger, killed) = (Ledger::new(), Killed::default());
        assert_eq!(missing(&args, &ledger, &killed).len(), 13);

        let counted = &ledger.counted;
        for counter in
            [&counted.published, &counted.delivered, &counted.accounted, &counted.settled_everything]
        {
            add(counter, 1_000_000);
        }
        counted
            .settled
            .iter()
            .chain([&killed.redis])
            .chain(&killed.hubs)
            .for_each(|counter| add(counter, 10_000));
        (0..1000).for_each(|_| {
            ledger.gap("upstream_reconnected", None);
            ledger.gap("remote", Some(1));
        });
        assert_eq!(missing(&args, &ledger, &killed), [] as [String; 0]);

        counted.settled[Kind::Stream as usize].store(0, Ordering::Relaxed);
        assert_eq!(missing(&args, &ledger, &killed).len(), 1, "clients of streams have done nothing");
    }
}
