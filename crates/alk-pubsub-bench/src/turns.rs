use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, anyhow};

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
/// One whose `measure` fails or panics has failed: it has no turns and no figures any more, and the others go on.
pub(crate) fn take_turns<const METRICS: usize>(
    rounds: usize,
    conditions: &Conditions,
    participants: &[(&'static str, Role)],
    metrics: [Metric; METRICS],
    mut measure: impl FnMut(&'static str) -> Result<[f64; METRICS]>,
) -> Vec<Comparison> {
    let Conditions { workload, setting, axis, at } = conditions;
    let new =
        |&(name, role): &(&'static str, Role)| Participant { name, role, samples: Vec::new(), failed: None };
    let all: Vec<Participant> = participants.iter().map(new).collect();
    let empty = |metric| Comparison {
        workload,
        metric,
        setting: setting.clone(),
        axis,
        at: *at,
        participants: all.clone(),
    };
    let mut comparisons = metrics.map(empty);
    let mut failed = vec![false; participants.len()];
    for round in 0..rounds {
        for turn in 0..participants.len() {
            let who = (round + turn) % participants.len();
            if failed[who] {
                continue;
            }
            let name = participants[who].0;
            let shown =
                format!("{workload}: {setting}, {at} {axis}, round {} of {rounds}: {name}", round + 1);
            eprintln!("{shown}");
            match attempt(|| measure(name)) {
                Ok(samples) => {
                    for (comparison, sample) in comparisons.iter_mut().zip(samples) {
                        comparison.participants[who].samples.push(sample);
                    }
                }
                Err(error) => {
                    let why = format!("{error:#}");
                    eprintln!("{shown}: failed: {why}");
                    failed[who] = true;
                    for comparison in &mut comparisons {
                        let participant = &mut comparison.participants[who];
                        participant.samples.clear();
                        participant.failed = Some(why.clone());
                    }
                }
            }
        }
    }
    comparisons.into()
}

/// What is measured asserts that nothing is lost, in tasks as well.
fn attempt<T>(measure: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(measure)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(anyhow!("{}", text.unwrap_or("it panicked")))
    })
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
        assert!(compared[0].participants.iter().all(|it| it.samples.len() == 3));
    }

    #[test]
    fn one_that_fails_has_no_figures_and_the_others_go_on() {
        let all = [("ours", Role::Ours), ("fails", Role::Peer), ("panics", Role::Peer), ("peer", Role::Peer)];
        let mut turns = String::new();
        let compared = take_turns(3, &conditions(), &all, [METRIC, METRIC], |name| {
            turns.push_str(&name[..1]);
            match name {
                "fails" if turns.len() > 4 => anyhow::bail!("fell"),
                "panics" => panic!("{name} fell"),
                _ => Ok([1.0, 2.0]),
            }
        });
        assert_eq!(turns, "ofppfpopo", "fails has one turn before, and panics none");
        for comparison in &compared {
            let samples = comparison.participants.iter().map(|it| it.samples.len());
            assert_eq!(samples.collect::<Vec<_>>(), [3, 0, 0, 3]);
            let failed = comparison.participants.iter().map(|it| it.failed.as_deref());
            assert_eq!(failed.collect::<Vec<_>>(), [None, Some("fell"), Some("panics fell"), None]);
        }
    }
}
