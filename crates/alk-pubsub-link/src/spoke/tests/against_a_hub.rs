use std::time::Duration;

use alk_pubsub_core::{
    ConnectionState, Dynamic, Error, ErrorKind, EventTarget, Interest, Overflow, PubSub, Published,
    Receivers, Topic,
};
use serde_json::{Value, json};
use std::sync::Arc;

use super::support::{TestHub, next, reaches, until, within};
use crate::frame::Wire;
use crate::hub::{Authorizer, ConnectionInfo, Denied, ServeOptions, serve};
use crate::pipe::memory_pipe;
use crate::spoke::{Offline, Reconnect, SpokeOptions, link_over};
use crate::{ErrorKind as PipeErrorKind, LengthDelimited};

fn options() -> SpokeOptions {
    SpokeOptions::default()
}

#[tokio::test(start_paused = true)]
async fn what_is_published_after_subscribing_is_received_once_whatever_matches() {
    let hub = TestHub::new();
    let spoke = PubSub::<Dynamic>::new(hub.spoke(options()));
    let mut one = spoke.subscribe_to("a", "1").await.expect("granted");
    let mut every = spoke.subscribe("a").await.expect("granted");
    let mut all = spoke.subscribe_all().await.expect("granted");
    for n in 0..100 {
        hub.pubsub().publish("a", "1", json!(n)).await.expect("published");
    }
    for n in 0..100 {
        for subscription in [&mut one, &mut every, &mut all] {
            assert_eq!(next(subscription).await, json!(n));
        }
    }
    assert!([one, every, all].iter().all(alk_pubsub_core::Subscription::is_empty));
}

#[tokio::test(start_paused = true)]
async fn a_publish_goes_through_the_hub_and_comes_back_from_there() {
    let hub = TestHub::new();
    let (here, there) = (hub.spoke(options()), hub.spoke(options()));
    let (here, there) = (PubSub::<Dynamic>::new(here), PubSub::<Dynamic>::new(there));
    let mut own = here.subscribe("a").await.expect("granted");
    let mut other = there.subscribe("a").await.expect("granted");
    let published = here.publish("a", "1", json!("x")).await.expect("published");
    assert_eq!(published, Published { receivers: Receivers::AtLeast(2) });
    assert_eq!((next(&mut own).await, next(&mut other).await), (json!("x"), json!("x")));
    let published = here.try_publish("a", "1", json!("y")).expect("sent");
    assert_eq!(published.receivers, Receivers::Unknown);
    assert_eq!((next(&mut own).await, next(&mut other).await), (json!("y"), json!("y")));
    let nobody = here.publish("b", "", json!(1)).await.expect("nobody listening is success");
    assert_eq!(nobody.known_receivers(), Some(0));
}

struct ReadOnlyA;

impl Authorizer for ReadOnlyA {
    fn may_subscribe(&self, _: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        if interest.to_string().starts_with('a') { Ok(()) } else { Err(Denied::new("only a")) }
    }

    fn may_publish(&self, _: &ConnectionInfo, _: &Topic) -> Result<(), Denied> {
        Err(Denied::new("read only"))
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_is_denied_and_the_link_stays() {
    let hub = TestHub::new();
    let (near, far) = memory_pipe(Wire::Json, 4096);
    let info = ConnectionInfo::new("1", None);
    tokio::spawn(serve(hub.target.clone(), far, ServeOptions::new(info).authorizer(Arc::new(ReadOnlyA))));
    let target = link_over(near, options());
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let denied = spoke.subscribe("b").await.expect_err("not allowed");
    assert_eq!((denied.kind(), denied.is_retryable()), (ErrorKind::Denied, false));
    assert!(denied.to_string().contains("only a"), "{denied}");
    let denied = spoke.publish("a", "", json!(1)).await.expect_err("not allowed");
    assert_eq!(denied.kind(), ErrorKind::Denied);
    spoke.try_publish("a", "", json!(1)).expect("nobody says no yet");
    let mut all = spoke.subscribe("a").await.expect("allowed");
    hub.pubsub().publish("a", "", json!(2)).await.expect("published");
    assert_eq!(next(&mut all).await, json!(2));
    assert_eq!(target.upstream().stats().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_listener_unsubscribes_at_the_hub() {
    let hub = TestHub::new();
    let spoke = PubSub::<Dynamic>::new(hub.spoke(options()));
    let first = spoke.subscribe("a").await.expect("granted");
    let second = spoke.subscribe("a").await.expect("granted at once");
    drop(first);
    assert_eq!(hub.target.stats().subscribers, 1);
    drop(second);
    // What is asked for later is answered later.
    let _fence = spoke.subscribe("fence").await.expect("granted");
    assert_eq!(hub.target.interests(9), [("fence".parse().expect("an interest"), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_one_gap_for_each_subscription_idle_ones_too() {
    let hub = TestHub::new();
    let target = hub.spoke(options());
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let mut busy = spoke.subscribe("a").await.expect("granted").with_gaps();
    let mut overlapping = spoke.subscribe_to("a", "1").await.expect("granted").with_gaps();
    let mut idle = spoke.subscribe("idle").await.expect("granted").with_gaps();
    for round in 0..5 {
        hub.pubsub().publish("a", "1", json!([round, "before"])).await.expect("published");
        assert!(until(&mut busy, &json!([round, "before"])).await.is_empty());
        hub.refuse(PipeErrorKind::Io);
        hub.cut();
        reaches(&target, ConnectionState::Reconnecting).await;
        hub.pubsub().publish("a", "1", json!([round, "lost"])).await.expect("published");
        let error = spoke.publish("a", "1", json!(0)).await.expect_err("no connection");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Disconnected, true));
        assert_eq!(spoke.try_publish("a", "1", json!(0)).map_err(|e| e.kind()), Err(ErrorKind::Disconnected));
        hub.refuse(None);
        reaches(&target, ConnectionState::Connected).await;
        hub.pubsub().publish("a", "1", json!([round, "after"])).await.expect("published");
        assert_eq!(until(&mut busy, &json!([round, "after"])).await, [json!("upstream_reconnected")]);
        let seen = until(&mut overlapping, &json!([round, "after"])).await;
        assert_eq!(seen, [json!([round, "before"]), json!("upstream_reconnected")]);
    }
    hub.pubsub().publish("idle", "", json!("last")).await.expect("published");
    assert_eq!(until(&mut idle, &json!("last")).await, vec![json!("upstream_reconnected"); 1]);
    assert_eq!(target.upstream().stats().connections, 6);
}

#[tokio::test(start_paused = true)]
async fn who_subscribes_while_disconnected_waits_and_has_missed_nothing() {
    let hub = TestHub::new();
    hub.refuse(PipeErrorKind::Io);
    let target = hub.spoke(options());
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let waiting = tokio::spawn({
        let spoke = spoke.clone();
        async move { spoke.subscribe("a").await }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(hub.attempts() > 3 && !waiting.is_finished());
    assert_eq!(target.state().current(), ConnectionState::Connecting);
    hub.refuse(None);
    let mut subscription = within("granted", waiting).await.expect("no panic").expect("granted").with_gaps();
    hub.pubsub().publish("a", "", json!(1)).await.expect("published");
    assert!(until(&mut subscription, &json!(1)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_not_confirmed_times_out_and_leaves_nothing_behind() {
    let hub = TestHub::new();
    hub.refuse(PipeErrorKind::Io);
    let target = hub.spoke(options().subscribe_timeout(Duration::from_secs(2)));
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let error = spoke.subscribe("a").await.expect_err("there is no connection");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    hub.refuse(None);
    reaches(&target, ConnectionState::Connected).await;
    let _fence = spoke.subscribe("fence").await.expect("granted");
    assert_eq!(hub.target.stats().interests, 1);
}

#[tokio::test(start_paused = true)]
async fn an_offline_buffer_is_sent_in_order_after_the_subscriptions_are_back() {
    let hub = TestHub::new();
    let target = hub.spoke(options().offline(Offline::Buffer(4096)));
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let mut own = spoke.subscribe("a").await.expect("granted").with_gaps();
    hub.refuse(PipeErrorKind::Io);
    hub.cut();
    reaches(&target, ConnectionState::Reconnecting).await;
    let mut waiting = Vec::new();
    for n in 0..10 {
        if n % 2 == 0 {
            spoke.try_publish("a", "", json!(n)).expect("kept");
        } else {
            let spoke = spoke.clone();
            waiting.push(tokio::spawn(async move { spoke.publish("a", "", json!(n)).await }));
            tokio::task::yield_now().await;
        }
    }
    let full = loop {
        match spoke.try_publish("a", "", json!("x".repeat(1000))) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::Disconnected);
    hub.refuse(None);
    for waiting in waiting {
        within("published", waiting).await.expect("no panic").expect("published");
    }
    let seen = until(&mut own, &json!(9)).await;
    let expected: Vec<_> =
        [json!("upstream_reconnected")].into_iter().chain((0..9).map(Value::from)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn closing_sends_what_was_published_and_ends_subscriptions() {
    let hub = TestHub::new();
    let mut all = hub.pubsub().subscribe_all().await.expect("in process");
    let target = hub.spoke(options());
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let mut own = spoke.subscribe("a").await.expect("granted");
    for n in 0..500 {
        spoke.try_publish("a", "", json!(n)).expect("there is room");
    }
    within("closed", spoke.close()).await.expect("everything was sent");
    within("closed again", spoke.close()).await.expect("idempotent");
    for n in 0..500 {
        assert_eq!(next(&mut all).await, json!(n));
    }
    while own.recv().await.is_some() {}
    assert_eq!(target.state().current(), ConnectionState::Closed);
    let errors: [Error; 3] = [
        spoke.publish("a", "", json!(1)).await.expect_err("closed"),
        spoke.try_publish("a", "", json!(1)).expect_err("closed"),
        spoke.subscribe("a").await.expect_err("closed"),
    ];
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Closed));
    hub.is_alone().await;
}

#[tokio::test(start_paused = true)]
async fn closing_without_a_connection_fails_what_could_not_be_sent() {
    let hub = TestHub::new();
    hub.refuse(PipeErrorKind::Io);
    let idle = hub.spoke(options());
    within("nothing to send", idle.close()).await.expect("at once");
    let target = hub.spoke(options().offline(Offline::Buffer(4096)));
    target.try_dispatch_event(event()).expect("kept");
    let before = tokio::time::Instant::now();
    let error = within("closed", target.close()).await.expect_err("it could not be sent");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(before.elapsed().as_secs(), 5);
    assert_eq!(target.upstream().stats().unsent, 1);
}

fn event() -> alk_pubsub_core::Event {
    alk_pubsub_core::Event::new("a:".parse().expect("a topic"), json!(1))
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_and_subscription_ends_the_task() {
    let hub = TestHub::new();
    let target = hub.spoke(options());
    let mut state = target.state();
    let subscription = PubSub::<Dynamic>::new(target).subscribe("a").await.expect("granted");
    hub.pubsub().publish("a", "", json!(1)).await.expect("published");
    assert_eq!(state.current(), ConnectionState::Connected, "a subscription keeps it");
    drop(subscription);
    within("ended", async { while state.changed().await != ConnectionState::Closed {} }).await;
    hub.is_alone().await;
    assert_eq!(hub.target.stats().interests, 0);
    // Also while there is no connection.
    hub.refuse(PipeErrorKind::Io);
    let target = hub.spoke(options());
    let mut state = target.state();
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(target);
    within("ended", async { while state.changed().await != ConnectionState::Closed {} }).await;
    let attempts = hub.attempts();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(hub.attempts(), attempts);
}

#[tokio::test(start_paused = true)]
async fn a_pipe_of_its_own_is_not_made_again() {
    let hub = TestHub::new();
    let (near, far) = memory_pipe(Wire::Json, 4096);
    let served =
        tokio::spawn(serve(hub.target.clone(), far, ServeOptions::new(ConnectionInfo::new("1", None))));
    let target = link_over(near, options());
    let _subscription = PubSub::<Dynamic>::new(target.clone()).subscribe("a").await.expect("granted");
    served.abort();
    reaches(&target, ConnectionState::Closed).await;
    let error = target.dispatch_event(event()).await.expect_err("ended");
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert_eq!(
        target.upstream().wait_connected().await.map_err(|error| error.kind()),
        Err(ErrorKind::Disconnected)
    );
}

#[tokio::test(start_paused = true)]
async fn refused_for_good_and_after_the_last_attempt() {
    let hub = TestHub::new();
    hub.refuse(PipeErrorKind::Refused);
    let target = hub.spoke(options());
    let waiting = PubSub::<Dynamic>::new(target.clone()).subscribe("a").await;
    assert_eq!(waiting.map(drop).map_err(|error| error.kind()), Err(ErrorKind::Denied));
    reaches(&target, ConnectionState::Closed).await;
    assert_eq!(hub.attempts(), 1);
    assert_eq!(target.dispatch_event(event()).await.map_err(|error| error.kind()), Err(ErrorKind::Denied));

    hub.refuse(PipeErrorKind::Io);
    let target = hub.spoke(options());
    let error = within("the first", target.upstream().try_connected()).await.expect_err("refused");
    assert_eq!((error.kind(), error.to_string().as_str(), hub.attempts()), (PipeErrorKind::Io, "not now", 2));
    drop(target);
    let target = hub.spoke(options().reconnect(Reconnect::default().max_attempts(3)));
    let error = within("gives up", target.upstream().wait_connected()).await.expect_err("refused");
    assert_eq!((error.kind(), hub.attempts()), (ErrorKind::Disconnected, 2 + 4));
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_limits_the_rate_is_asked_more_slowly() {
    let hub = TestHub::with(|limits| {
        (limits.control_rate, limits.control_burst, limits.max_topics) = (50, 20, 2000);
    });
    let spoke = PubSub::<Dynamic>::new(hub.spoke(options()));
    let mut subscriptions = Vec::new();
    for n in 0..200 {
        subscriptions.push(spoke.subscribe_to("a", n.to_string()).await.expect("granted"));
    }
    drop(subscriptions);
    let _fence = spoke.subscribe("fence").await.expect("granted");
    assert_eq!(hub.target.stats().interests, 1);
}

#[tokio::test(start_paused = true)]
async fn too_many_topics_are_refused_and_take_no_place() {
    let hub = TestHub::with(|limits| limits.max_topics = 3);
    let spoke = PubSub::<Dynamic>::new(hub.spoke(options()));
    let mut kept = Vec::new();
    for n in 0..3 {
        kept.push(spoke.subscribe_to("a", n.to_string()).await.expect("granted"));
    }
    let error = spoke.subscribe("b").await.expect_err("too many");
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    kept.pop();
    kept.push(spoke.subscribe_to("b", "1").await.expect("there is room again"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_spoke_is_told_what_it_missed() {
    let hub = TestHub::with(|limits| limits.queue = limits.queue.events(10));
    let spoke = PubSub::<Dynamic>::new(hub.spoke(options()));
    let mut all = spoke.subscribe("a").await.expect("granted").with_gaps();
    // The spoke's task has no chance to read in between.
    for n in 0..1000 {
        hub.pubsub().try_publish("a", "", json!([n, "x".repeat(1000)])).expect("published");
    }
    hub.pubsub().publish("a", "", json!("last")).await.expect("published");
    let seen = until(&mut all, &json!("last")).await;
    assert!(seen.contains(&json!("remote")), "{} items", seen.len());
    assert!(seen.len() < 1000);
}

#[tokio::test(start_paused = true)]
async fn the_policy_close_sends_a_slow_spoke_away_and_it_comes_back() {
    let hub = TestHub::with(|limits| limits.queue = limits.queue.events(10).overflow(Overflow::Close));
    let target = hub.spoke(options());
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let mut all = spoke.subscribe("a").await.expect("granted").with_gaps();
    for n in 0..1000 {
        hub.pubsub().try_publish("a", "", json!([n, "x".repeat(1000)])).expect("published");
    }
    reaches(&target, ConnectionState::Reconnecting).await;
    reaches(&target, ConnectionState::Connected).await;
    hub.pubsub().publish("a", "", json!("last")).await.expect("published");
    assert!(until(&mut all, &json!("last")).await.contains(&json!("upstream_reconnected")));
}

#[tokio::test(start_paused = true)]
async fn events_larger_than_the_hub_takes_are_refused_before_they_are_sent() {
    let hub = TestHub::new();
    let target = hub.spoke(options());
    target.upstream().wait_connected().await.expect("connected");
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let large = || json!("x".repeat(64 << 10));
    let errors = [
        spoke.publish("a", "", large()).await.expect_err("too large"),
        spoke.try_publish("a", "", large()).expect_err("too large"),
    ];
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::TooLarge));
    assert!(
        errors.iter().all(|error| error.to_string().contains("65569") && error.to_string().contains("65472"))
    );
}

#[tokio::test(start_paused = true)]
async fn the_largest_event_is_as_large_as_is_said() {
    let hub = TestHub::new();
    let target = hub.spoke(options().offline(Offline::Buffer(1 << 20)));
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let around = r#"{"type":"a","id":"","payload":""}"#.len();
    let of_bytes = |bytes: usize| json!("x".repeat(bytes - around));
    assert_eq!(target.upstream().max_event_bytes(), None);
    // What is given to it before there is a hub is looked at when there is one.
    let early = spoke.publish("a", "", of_bytes(65_473));
    assert_eq!(early.await.map_err(|error| error.kind()), Err(ErrorKind::TooLarge));
    let most = target.upstream().max_event_bytes().expect("connected");
    assert_eq!(most, 65_472);
    let mut all = hub.pubsub().subscribe("a").await.expect("in process");
    // However long references get.
    target.upstream().skip_numbers(u64::MAX / 2);
    spoke.publish("a", "", of_bytes(most)).await.expect("it fits");
    spoke.try_publish("a", "", of_bytes(most)).expect("it fits");
    for _ in 0..2 {
        assert_eq!(next(&mut all).await.as_str().map(str::len), Some(most - around));
    }
    assert_eq!(
        spoke.publish("a", "", of_bytes(most + 1)).await.map_err(|error| error.kind()),
        Err(ErrorKind::TooLarge)
    );
    assert_eq!(
        spoke.try_publish("a", "", of_bytes(most + 1)).map_err(|error| error.kind()),
        Err(ErrorKind::TooLarge)
    );
    assert_eq!(target.upstream().stats().refused, 0);
}

#[tokio::test(start_paused = true)]
async fn many_publishers_over_a_byte_stream_keep_their_order() {
    let hub = TestHub::new();
    let (a, b) = tokio::io::duplex(512);
    let info = ConnectionInfo::new("1", None);
    tokio::spawn(serve(
        hub.target.clone(),
        LengthDelimited::new(b, Wire::Json, 1 << 20),
        ServeOptions::new(info),
    ));
    let spoke = PubSub::<Dynamic>::new(link_over(
        LengthDelimited::new(a, Wire::Json, 1 << 20),
        options().queue_bytes(4096),
    ));
    let bounds = alk_pubsub_core::Bounds::default().events(100_000).bytes(64 << 20);
    let mut all = spoke.subscribe_all().bounds(bounds).await.expect("granted");
    let publishers: Vec<_> = (0..8)
        .map(|publisher| {
            let spoke = spoke.clone();
            tokio::spawn(async move {
                for n in 0..200 {
                    spoke.publish("a", publisher.to_string(), json!(n)).await.expect("published");
                }
            })
        })
        .collect();
    let mut counts = [0u64; 8];
    for _ in 0..1600 {
        let event = within("an event", all.recv()).await.expect("open");
        let publisher: usize = event.id().parse().expect("a number");
        assert_eq!(event.payload().as_u64(), Some(counts[publisher]));
        counts[publisher] += 1;
    }
    for publisher in publishers {
        publisher.await.expect("all published");
    }
}

#[tokio::test(start_paused = true)]
async fn hubs_make_a_tree_and_an_event_crosses_it_once() {
    let root = TestHub::new();
    // A hub whose target is a spoke of the root.
    let branch = root.spoke(options());
    let (near, far) = memory_pipe(Wire::Json, 4096);
    tokio::spawn(serve(branch.clone(), far, ServeOptions::new(ConnectionInfo::new("leaf", None))));
    let leaf = PubSub::<Dynamic>::new(link_over(near, options()));
    let branch = PubSub::<Dynamic>::new(branch);
    let mut at_root = root.pubsub().subscribe_all().await.expect("in process");
    let mut at_branch = branch.subscribe("a").await.expect("granted");
    let mut at_leaf = leaf.subscribe_to("a", "1").await.expect("granted through two links");
    let mut all_at_leaf = leaf.subscribe_all().await.expect("granted through two links");
    let publishers = [root.pubsub(), branch.clone(), leaf.clone()];
    for (n, publisher) in publishers.iter().enumerate() {
        publisher.publish("a", "1", json!(n)).await.expect("published");
    }
    for n in 0..publishers.len() {
        for subscription in [&mut at_root, &mut at_branch, &mut at_leaf, &mut all_at_leaf] {
            assert_eq!(next(subscription).await, json!(n));
        }
    }
    leaf.publish("a", "2", json!("end")).await.expect("published");
    assert_eq!(next(&mut all_at_leaf).await, json!("end"));
    assert!(at_leaf.is_empty());
}
