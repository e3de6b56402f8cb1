//! Promise 6: gaps are visible.

use alk_pubsub_core::{Delivery, Gap, GapReason};

use crate::kit::Kit;
use crate::numbers::{NUMBER, next, number_of, publish, subscribed};

pub(super) async fn overflow_stands_where_events_are_missing(kit: Kit) {
    let subscribing = kit.subscribing();
    let mut lags = subscribed(subscribing.subscribe_to(NUMBER, "1").capacity(3)).await.with_gaps();
    let mut witness = subscribed(subscribing.subscribe_to(NUMBER, "1")).await;
    let mut arrive = async |numbers: std::ops::Range<u64>| {
        for number in numbers {
            publish(&kit.publishing(), "1", number).await;
            next(&mut witness).await;
        }
    };
    let missed = |events| Err(Gap::new(GapReason::Overflow, Some(events)));
    let mut seen = Vec::new();
    let mut read = async |count: usize| {
        for _ in 0..count {
            seen.push(number_of(Kit::within(lags.recv()).await.expect("open")));
        }
    };
    arrive(0..2).await;
    read(1).await;
    arrive(2..6).await;
    read(2).await;
    arrive(6..8).await;
    read(4).await;
    assert_eq!(seen, [Ok(0), missed(2), Ok(3), missed(1), Ok(5), Ok(6), Ok(7)]);
}

pub(super) async fn all_that_was_missed_is_counted(kit: Kit) {
    const EVENTS: u64 = 2000;
    let subscribing = kit.subscribing();
    let mut readers = Vec::new();
    for capacity in [1, 3, 50] {
        let lags = subscribed(subscribing.subscribe_to(NUMBER, "1").capacity(capacity)).await;
        readers.push(tokio::spawn(async move {
            let mut lags = lags.with_gaps();
            let (mut expected, mut missed) = (0, 0);
            while expected < EVENTS {
                match Kit::within(lags.recv()).await.expect("open") {
                    Delivery::Event(event) => {
                        assert_eq!(event.payload().as_u64(), Some(expected), "{missed} were missed");
                        expected += 1;
                    }
                    Delivery::Gap(gap) => {
                        let events = gap.missed().expect("a count");
                        expected += events;
                        missed += events;
                    }
                }
            }
            assert_eq!(lags.subscription().missed(), missed);
        }));
    }
    for number in 0..EVENTS {
        publish(&kit.publishing(), "1", number).await;
    }
    for reader in readers {
        Kit::within(reader).await.expect("a reader");
    }
}
