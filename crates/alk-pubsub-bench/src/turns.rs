use anyhow::{Context, Result};

use crate::comparison::{Comparison, Metric, Participant, Role};

/// Under which conditions it is measured.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) workload: &'static str,
    pub(crate) setting: String,
    pub(crate) axis: &'static str,
    pub(crate) at: usize,
}

/// Lets all measure in turn, round after round, and makes a comparison of each metric. Whoever was first in a round is last
/// in the next.
///
/// # Errors
///
/// The first of `measure`: a comparison in which one could not take part is none.
pub(crate) fn take_turns<const METRICS: usize>(
    rounds: usize,
    conditions: &Conditions,
    participants: &[(&'static str, Role)],
    metrics: [Metric; METRICS],
    mut measure: impl FnMut(&'static str) -> Result<[f64; METRICS]>,
) -> Result<Vec<Comparison>> {
    let Conditions { workload, setting, axis, at } = conditions;
    let all = participants.iter().map(|&(name, role)| Participant { name, role, samples: Vec::new() });
    let all: Vec<Participant> = all.collect();
    let empty = |metric| Comparison {
        workload,
        metric,
        setting: setting.clone(),
        axis,
        at: *at,
        participants: all.clone(),
    };
    let mut comparisons = metrics.map(empty);
    for round in 0..rounds {
        for turn in 0..participants.len() {
            let who = (round + turn) % participants.len();
            let name = participants[who].0;
            eprintln!("{workload}: {setting}, {at} {axis}, round {} of {rounds}: {name}", round + 1);
            let samples =
                measure(name).with_context(|| format!("{workload}: {setting}, {at} {axis}: {name}"))?;
            for (comparison, sample) in comparisons.iter_mut().zip(samples) {
                comparison.participants[who].samples.push(sample);
            }
        }
    }
    Ok(comparisons.into())
}

#[cfg(test)]
mod tests {
    use super::{Conditions, take_turns};
    use crate::comparison::{Better, Metric, Role};

    const METRIC: Metric = Metric { name: "speed", unit: "m/s", better: Better::More };

    fn conditions() -> Conditions {
        Conditions { workload: "A", setting: String::new(), axis: "legs", at: 2 }
    }

    #[test]
    fn everybody_begins_once() {
        let mut order = String::new();
        let all = [("a", Role::Ours), ("b", Role::Peer), ("c", Role::Peer)];
        let compared = take_turns(3, &conditions(), &all, [METRIC], |name| {
            order.push_str(name);
            Ok([1.0])
        });
        assert_eq!(order, "abcbcacab");
        assert!(compared.expect("measured")[0].participants.iter().all(|it| it.samples.len() == 3));
    }

    #[test]
    fn one_that_fails_ends_it() {
        let all = [("a", Role::Ours), ("b", Role::Peer)];
        let failed = take_turns(3, &conditions(), &all, [METRIC], |name| {
            anyhow::ensure!(name == "a", "fell");
            Ok([1.0])
        });
        assert_eq!(format!("{:#}", failed.expect_err("it failed")), "A: , 2 legs: b: fell");
    }
}
