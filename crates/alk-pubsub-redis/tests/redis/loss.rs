//! What is lost is told: floods, crashes, servers that hang.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alk_pubsub_core::{Bounds, ConnectionState, Dynamic, ErrorKind, Event, GapReason, PubSub, WithGaps};
use alk_pubsub_redis::{Offline, Reconnect, RedisEventTarget};
use serde_json::{Value, json};

use super::support::{DEADLINE, Seen, connect, next_number, next_seen, pubsub, soon, wait_for_state};
use alk_pubsub_testkit::redis::{Server, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn of_a_burst_every_event_is_received_or_accounted_for() {
    const EVENTS: u64 = 200_000;
    let server = Server::start(&[]);
    let pubsub = pubsub(&server.url()).await;
    let subscription = pubsub.subscribe("burst").capacity(300_000).await.unwrap();
    let mut seen = subscription.with_gaps();
    let publisher = tokio::spawn(async move {
        let mut publishing = tokio::task::JoinSet::new();
        for task in 0..8 {
            let pubsub = pubsub.clone();
            publishing.spawn(async move {
                for number in (0..EVENTS).filter(|number| number % 8 == task) {
                    while let Err(error) = pubsub.try_publish("burst", "b", json!(number)) {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        publishing.join_all().await;
        pubsub
    });
    let (mut received, mut missed) = (HashSet::new(), 0);
    while received.len() as u64 + missed < EVENTS {
        match next_seen(&mut seen).await {
            Seen::Number(number) => assert!(received.insert(number), "{number} twice"),
            Seen::Gap(gap) => missed += gap.missed().expect("one subscription: the number is known"),
        }
    }
    println!("{} received, {missed} in gaps", received.len());
    assert_eq!(received.len() as u64 + missed, EVENTS);
    drop(publisher.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_still_for_a_while_loses_nothing() {
    const EVENTS: u64 = 100_000;
    let server = Server::start(&[]);
    let pubsub = pubsub(&server.url()).await;
    let bounds = Bounds::default().events(1 << 20).bytes(1 << 30);
    let mut seen = pubsub.subscribe("burst").bounds(bounds).await.unwrap().with_gaps();
    // A listener must not block. This one does, and with it everything that is to be delivered.
    let (release, released) = std::sync::mpsc::sync_channel::<()>(1);
    let released = std::sync::Mutex::new(Some(released));
    let standing_still = move |_: &Event| {
        if let Some(released) = released.lock().unwrap().take() {
            let _ = released.recv_timeout(DEADLINE);
        }
    };
    let burst = "burst".parse().unwrap();
    let _guard = pubsub.target().add_event_listener(burst, Arc::new(standing_still)).await.unwrap();
    let envelopes: Vec<_> =
        (0..EVENTS).map(|number| format!(r#"{{"type":"burst","id":"b","payload":{number}}}"#)).collect();
    let commands: Vec<_> = envelopes.iter().map(|envelope| ["PUBLISH", "test:burst:b", envelope]).collect();
    server.tell_all(commands.iter().map(|command| &command[..]));
    release.send(()).unwrap();
    for number in 0..EVENTS {
        assert_eq!(next_seen(&mut seen).await, Seen::Number(number));
    }
}

/// Publishes numbers on ten topics until told to end; says which were said to be published.
async fn publish_until(pubsub: PubSub<Dynamic>, end: Arc<AtomicBool>) -> Vec<HashSet<u64>> {
    let mut publishers = Vec::new();
    for topic in 0..10u64 {
        let (pubsub, end) = (pubsub.clone(), end.clone());
        publishers.push(tokio::spawn(async move {
            let (mut published, mut number) = (HashSet::new(), 0);
            while !end.load(Ordering::Relaxed) {
                number += 1;
                let publishing = pubsub.publish("load", format!("t{topic}"), json!(number));
                match tokio::time::timeout(Duration::from_secs(15), publishing)
                    .await
                    .expect("a publish hangs")
                {
                    Ok(_) => {
                        published.insert(number);
                    }
                    Err(error) => {
                        assert!(error.is_retryable(), "{error:?}");
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
            }
            published
        }));
    }
    let mut all = Vec::new();
    for publisher in publishers {
        all.push(publisher.await.unwrap());
    }
    all
}

/// Runs `disturb`, which costs the connections, while ten publish; checks what ten subscribers have seen of it.
async fn under_load(server: &Server, disturb: impl AsyncFnOnce(&PubSub<Dynamic>)) {
    let toll = toll_under_load(server, disturb).await;
    assert!(toll.gaps >= 10 && toll.idle_gap, "every subscription has a gap: {toll:?}");
}

#[derive(Debug, PartialEq)]
struct Toll {
    lost: usize,
    gaps: usize,
    /// Whether the subscription to a topic on which nothing is published has a gap.
    idle_gap: bool,
}

async fn toll_under_load(server: &Server, disturb: impl AsyncFnOnce(&PubSub<Dynamic>)) -> Toll {
    let (here, there) = (pubsub(&server.url()).await, pubsub(&server.url()).await);
    let mut subscriptions = Vec::new();
    for topic in 0..10 {
        let subscription = here.subscribe_to("load", format!("t{topic}")).capacity(1 << 20).await.unwrap();
        subscriptions.push(subscription.with_gaps());
    }
    let mut idle = here.subscribe_to("idle", "").await.unwrap().with_gaps();
    let end = Arc::new(AtomicBool::new(false));
    let publishing = tokio::spawn(publish_until(there.clone(), end.clone()));
    let mut before = here.subscribe_to("load", "t0").await.unwrap();
    for _ in 0..300 {
        next_number(&mut before).await;
    }
    disturb(&here).await;
    // Everything is live again: each topic brings what was published after it.
    soon("the publisher is back", async { while !there.state().wait_connected().await {} }).await;
    let mut alive = Vec::new();
    for topic in 0..10 {
        alive.push(here.subscribe_to("load", format!("t{topic}")).await.unwrap());
    }
    for subscription in &mut alive {
        next_number(subscription).await;
    }
    end.store(true, Ordering::Relaxed);
    let published = soon("the publishers end", publishing).await.unwrap();
    for topic in 0..10 {
        soon("the last event", there.publish("load", format!("t{topic}"), json!(u64::MAX))).await.unwrap();
    }
    let (mut lost, mut gaps) = (0, 0);
    for (subscription, published) in subscriptions.iter_mut().zip(&published) {
        let (mut last, mut received, mut excused) = (0, HashSet::new(), Vec::new());
        let mut gap = false;
        loop {
            match next_seen(subscription).await {
                Seen::Number(number) => {
                    assert!(number > last, "{number} after {last}");
                    if gap {
                        excused.push(last..number);
                        gap = false;
                    }
                    last = number;
                    if number == u64::MAX {
                        break;
                    }
                    received.insert(number);
                }
                Seen::Gap(seen) => {
                    assert_eq!(seen.reason(), GapReason::Reconnected);
                    gap = true;
                    gaps += 1;
                }
            }
        }
        for number in published.difference(&received) {
            lost += 1;
            assert!(
                excused.iter().any(|range| range.contains(number)),
                "{number} is lost without a gap: {excused:?}"
            );
        }
    }
    soon("the idle topic is live too", there.publish("idle", "", json!(1))).await.unwrap();
    let first = next_seen(&mut idle).await;
    let idle_gap = match &first {
        Seen::Gap(gap) => gap.reason() == GapReason::Reconnected,
        Seen::Number(_) => false,
    };
    if idle_gap {
        assert_eq!(next_seen(&mut idle).await, Seen::Number(1));
    }
    println!(
        "{lost} lost of {} published, in {gaps} gaps",
        published.iter().map(HashSet::len).sum::<usize>()
    );
    Toll { lost, gaps, idle_gap }
}

async fn pass(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_everything_is_live_again_and_every_loss_in_a_gap() {
    let server = Server::start(&[]);
    under_load(&server, async |here| {
        server.kill();
        wait_for_state(&**here.target(), ConnectionState::Reconnecting).await;
        pass(Duration::from_secs(2)).await;
        server.restart();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_crashes_in_the_middle_of_the_resubscription_too() {
    let server = Server::start(&[]);
    let crowd = pubsub(&server.url()).await;
    let mut crowd_of = crowd_of_subscriptions(&crowd).await;
    under_load(&server, async |_| {
        for _ in 0..2 {
            server.kill();
            server.restart();
            wait_until("it is in the middle", || !server.command(&["PUBSUB", "CHANNELS"]).list().is_empty());
        }
    })
    .await;
    all_are_back(&crowd, &mut crowd_of).await;
}

/// Enough that resubscribing takes a while.
const CROWD: u64 = 5_000;

async fn crowd_of_subscriptions(crowd: &PubSub<Dynamic>) -> Vec<WithGaps<Value>> {
    let asked = (0..CROWD).map(|id| crowd.subscribe_to("crowd", format!("c{id}")).into_future());
    let crowd_of = soon("the crowd", futures_util::future::try_join_all(asked)).await.unwrap();
    crowd_of.into_iter().map(|subscription| subscription.with_gaps()).collect()
}

/// Each has heard of the loss, and hears what is published now.
async fn all_are_back(crowd: &PubSub<Dynamic>, crowd_of: &mut [WithGaps<Value>]) {
    wait_for_state(&**crowd.target(), ConnectionState::Connected).await;
    for (id, subscription) in (0..).zip(crowd_of) {
        crowd.publish("crowd", format!("c{id}"), json!(id)).await.unwrap();
        let mut gaps = 0;
        loop {
            match next_seen(subscription).await {
                Seen::Gap(_) => gaps += 1,
                Seen::Number(number) => break assert_eq!(number, id),
            }
        }
        assert!(gaps > 0, "{id} knows of nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_for_a_moment_costs_nothing() {
    let server = Server::start(&[]);
    let toll = toll_under_load(&server, async |_| {
        server.pause();
        pass(Duration::from_secs(2)).await;
        server.resume();
    })
    .await;
    assert_eq!(toll, Toll { lost: 0, gaps: 0, idle_gap: false });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_twice_the_second_time_in_the_middle_of_the_resubscription() {
    let server = Server::start(&[]);
    let crowd = pubsub(&server.url()).await;
    let mut crowd_of = crowd_of_subscriptions(&crowd).await;
    under_load(&server, async |here| {
        for _ in 0..2 {
            server.pause();
            for pubsub in [here, &crowd] {
                wait_for_state(&**pubsub.target(), ConnectionState::Reconnecting).await;
            }
            // What is being connected to a server that hangs is given up in the meantime, too.
            pass(Duration::from_secs(12)).await;
            server.resume();
            wait_until("it is in the middle", || !server.command(&["PUBSUB", "CHANNELS"]).list().is_empty());
        }
    })
    .await;
    all_are_back(&crowd, &mut crowd_of).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_noticed_within_fifteen_seconds() {
    let server = Server::start(&[]);
    under_load(&server, async |here| {
        server.pause();
        let paused = Instant::now();
        wait_for_state(&**here.target(), ConnectionState::Reconnecting).await;
        println!("noticed after {:?}", paused.elapsed());
        assert!(paused.elapsed() < Duration::from_secs(15));
        // Until no connection of the target can have missed it.
        pass(Duration::from_secs(15).saturating_sub(paused.elapsed())).await;
        server.resume();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_to_a_server_that_hangs_is_noticed_too() {
    let server = Server::start(&[]);
    let pubsub = pubsub(&server.url()).await;
    let mut subscription = pubsub.subscribe_to("idle", "").await.unwrap().with_gaps();
    server.pause();
    let paused = Instant::now();
    wait_for_state(&**pubsub.target(), ConnectionState::Reconnecting).await;
    assert!(paused.elapsed() < Duration::from_secs(15), "{:?}", paused.elapsed());
    pass(Duration::from_secs(15).saturating_sub(paused.elapsed())).await;
    let failed = soon("a publish fails", pubsub.publish("idle", "", json!(1))).await.unwrap_err();
    assert!(matches!(failed.kind(), ErrorKind::Disconnected | ErrorKind::Timeout), "{failed:?}");
    server.resume();
    wait_for_state(&**pubsub.target(), ConnectionState::Connected).await;
    assert!(matches!(next_seen(&mut subscription).await, Seen::Gap(_)));
    pubsub.publish("idle", "", json!(2)).await.unwrap();
    assert_eq!(next_seen(&mut subscription).await, Seen::Number(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_the_server_throws_out_has_a_gap_and_is_back() {
    let server = Server::start(&[]);
    let pubsub = pubsub(&server.url()).await;
    let mut subscription = pubsub.subscribe("big").capacity(1 << 20).await.unwrap().with_gaps();
    // The server cannot write anything so small into a socket that it would not exceed this.
    server.tell(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1 0 0"]);
    server.tell(&[
        "PUBLISH",
        "test:big:x",
        &format!(r#"{{"type":"big","id":"x","payload":"{}"}}"#, "x".repeat(4 << 20)),
    ]);
    wait_for_state(&**pubsub.target(), ConnectionState::Reconnecting).await;
    server.tell(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60"]);
    wait_for_state(&**pubsub.target(), ConnectionState::Connected).await;
    let Seen::Gap(gap) = next_seen(&mut subscription).await else { panic!("a gap comes first") };
    assert_eq!(gap.reason(), GapReason::Reconnected);
    pubsub.publish("big", "x", json!(7)).await.unwrap();
    assert_eq!(next_seen(&mut subscription).await, Seen::Number(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_there_is_no_connection_a_publish_fails_at_once_unless_it_may_wait() {
    let server = Server::start(&[]);
    let failing = pubsub(&server.url()).await;
    let waiting = RedisEventTarget::builder(server.url())
        .prefix("test:")
        .reconnect(Reconnect::default().longest(Duration::from_millis(300)))
        .offline(Offline::Buffer { bytes: 1000 })
        .connect()
        .await
        .unwrap();
    let waiting = PubSub::<Dynamic>::new(waiting);
    let listener = connect(&server.url()).await;
    server.kill();
    for pubsub in [&failing, &waiting] {
        wait_for_state(&**pubsub.target(), ConnectionState::Reconnecting).await;
    }
    // A connection may have lost its other half without knowing yet.
    let error = loop {
        if let Err(error) = failing.publish("tick", "a", json!(0)).await {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let too_large = json!("x".repeat(1000));
    soon("the publisher knows", async {
        // One that gets in while it does not know yet is lost with the connection, or taken out again when it is given up.
        let refused = async || {
            let publishing = waiting.publish("tick", "a", too_large.clone());
            let answer = tokio::time::timeout(Duration::from_secs(2), publishing).await;
            matches!(answer, Ok(Err(error)) if error.to_string().contains("the buffer is full"))
        };
        while !refused().await {}
    })
    .await;
    for number in 0..10 {
        waiting.try_publish("tick", "a", json!(number)).unwrap();
    }
    let full = waiting.try_publish("tick", "a", too_large).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::Disconnected);
    drop(listener);
    // Somebody listens before the publisher is back, since what is flushed to nobody is gone.
    server.restart();
    let mut early = pubsub(&server.url()).await.subscribe_to("tick", "b").await.unwrap();
    wait_for_state(&**waiting.target(), ConnectionState::Connected).await;
    waiting.publish("tick", "b", json!(10)).await.unwrap();
    assert_eq!(next_number(&mut early).await, 10);
    assert!(server.command(&["INFO", "commandstats"]).text().contains("cmdstat_publish:calls=11"));
}
