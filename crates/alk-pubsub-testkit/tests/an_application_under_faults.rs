//! The example `an_application_under_faults` holds, and finds out an application that forgets something.

#[path = "../examples/an_application_under_faults.rs"]
#[allow(dead_code, reason = "its `main` is not called here")]
mod an_application_under_faults;

use alk_pubsub_testkit::EventFaults;
use an_application_under_faults::{Habits, run, usual_faults};

const GOOD: Habits = Habits { asks_after_a_gap: true, compares_versions: true };

/// Of 50 schedules those that the shop fails in. With the clock paused nobody waits for what never comes.
async fn failures(faults: fn(u64) -> EventFaults, habits: Habits) -> Vec<u64> {
    let mut failures = Vec::new();
    for seed in 0..50 {
        if run(seed, faults(seed), habits).await.is_err() {
            failures.push(seed);
        }
    }
    failures
}

#[tokio::test(start_paused = true)]
async fn the_shop_shows_the_truth_under_every_schedule() {
    assert_eq!(failures(usual_faults, GOOD).await, [0; 0]);
    let counts = run(17, usual_faults(17), GOOD).await.expect("it holds");
    assert!(counts.drops > 0 && counts.delays > 0, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_ask_after_a_gap_is_found_out() {
    let forgetful = Habits { asks_after_a_gap: false, ..GOOD };
    assert!(failures(usual_faults, forgetful).await.len() > 25);
}

#[tokio::test(start_paused = true)]
async fn versions_are_what_survives_broken_promises() {
    let broken = |seed| usual_faults(seed).duplicates(10).reorders(2);
    assert_eq!(failures(broken, GOOD).await, [0; 0]);
    let trusting = Habits { compares_versions: false, ..GOOD };
    let fooled = failures(broken, trusting).await;
    assert!(fooled.len() > 1, "{fooled:?}");
    assert_eq!(
        failures(usual_faults, trusting).await,
        [0; 0],
        "while the promises are kept nobody needs them"
    );
}
