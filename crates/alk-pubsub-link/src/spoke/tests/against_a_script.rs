use std::future::poll_fn;
use std::time::Duration;

use alk_pubsub_core::{ConnectionState, Delivery, Dynamic, ErrorKind, EventTarget, GapReason, PubSub};
use serde_json::json;
use tokio::time::Instant;

use super::support::{PingPipe, Script, reaches, within};
use crate::frame::Wire;
use crate::pipe::{LengthDelimited, Pipe, Received};
use crate::spoke::{SpokeOptions, link_over};

fn options() -> SpokeOptions {
    SpokeOptions::default()
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_says_nothing_is_given_up_and_tried_again() {
    let (target, mut hub) = Script::new(options());
    let started = Instant::now();
    for attempt in 1..=5u64 {
        hub.connection().await;
        assert_eq!(hub.hears_or_end().await, None);
        let elapsed = started.elapsed().as_secs();
        assert!((10 * attempt..10 * attempt + 5).contains(&elapsed), "{attempt}: {elapsed} s");
    }
    assert_eq!(target.state().current(), ConnectionState::Connecting);
    assert_eq!(target.upstream().stats().failed_attempts, 5);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_talks_nonsense_is_given_up_and_not_called_without_pause() {
    let (target, mut hub) = Script::new(options());
    let started = Instant::now();
    for _ in 0..20 {
        hub.connection().await;
        for _ in 0..100 {
            hub.says_bytes(b"\xff nonsense");
        }
        assert_eq!(hub.hears_or_end().await, None);
    }
    assert!(started.elapsed() > Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(target.upstream().stats().bad_frames, 2000);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_welcomes_and_drops_everybody_is_not_called_without_pause() {
    let (target, mut hub) = Script::new(options());
    let started = Instant::now();
    for n in 1..=20 {
        hub.connection().await;
        hub.welcomes();
        let mut state = target.state();
        within("welcome", async {
            while target.upstream().stats().connections < n {
                state.changed().await;
            }
        })
        .await;
        hub.hang_up();
    }
    assert!(started.elapsed() > Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_hub_of_another_version_is_not_called_again() {
    let (target, mut hub) = Script::new(options());
    hub.connection().await;
    hub.says(&json!({"type": "__welcome", "id": "c", "payload":
        {"protocol": 2, "heartbeat_ms": 1, "max_frame_bytes": 4096, "max_topics": 1}}));
    reaches(&target, ConnectionState::Closed).await;
    assert!(hub.is_left_alone());
}

#[tokio::test(start_paused = true)]
async fn a_silent_hub_is_noticed_within_the_heartbeat_where_the_pipe_can_ask() {
    let silent = |pipe| PingPipe { pipe, answers: false, pulses: 0 };
    let (target, mut hub) = Script::with(options(), silent);
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    let connected = Instant::now();
    assert_eq!(hub.hears_or_end().await, None);
    let noticed = connected.elapsed();
    assert!((Duration::from_secs(30)..=Duration::from_secs(40)).contains(&noticed), "{noticed:?}");
    assert_eq!(target.state().current(), ConnectionState::Reconnecting);

    let alive = |pipe| PingPipe { pipe, answers: true, pulses: 0 };
    let (target, mut hub) = Script::with(options(), alive);
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(target.state().current(), ConnectionState::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_stops_reading_is_noticed_and_holds_no_more_than_the_queue() {
    let (target, mut hub) = Script::new(options().queue_bytes(16 << 10));
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let mut sent = 0;
    let started = Instant::now();
    let error = loop {
        match spoke.try_publish("a", "", json!("x".repeat(1000))) {
            Ok(_) => sent += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock && sent < 1000 => {
                // It may be that the task has not had its turn.
                tokio::time::sleep(Duration::from_millis(10)).await;
                if spoke.try_publish("a", "", json!("x".repeat(1000))).is_err() {
                    break error;
                }
            }
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::WouldBlock, true));
    assert!(sent < 100, "{sent}");
    // Who waits for room is told when the link is given up.
    let waiting = within("told", spoke.publish("a", "", json!("x".repeat(1000)))).await.expect_err("no room");
    assert!(matches!(waiting.kind(), ErrorKind::Timeout | ErrorKind::Disconnected));
    reaches(&target, ConnectionState::Reconnecting).await;
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    assert!(target.upstream().stats().unsent > 0);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_answer_a_publish_is_not_waited_for_for_ever() {
    let (target, mut hub) = Script::new(options());
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let error = within("told", spoke.publish("a", "", json!(1))).await.expect_err("not answered");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let publish = hub.hears().await;
    assert_eq!((&publish["type"], &publish["payload"]["type"]), (&json!("__publish"), &json!("a")));
    // A late answer is nobody's.
    hub.says(&json!({"type": "__published", "id": publish["id"], "payload": {"receivers": 1}}));
    let waiting = tokio::spawn(async move { spoke.publish("a", "", json!(2)).await });
    let publish = hub.hears().await;
    hub.hang_up();
    let error = within("told", waiting).await.expect("no panic").expect_err("lost");
    assert_eq!((error.kind(), publish["payload"]["payload"].as_u64()), (ErrorKind::Disconnected, Some(2)));
    assert_eq!(target.upstream().stats().bad_frames, 0);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_lives_but_answers_no_publish_is_given_up_before_it_has_all_the_room() {
    let alive = |pipe| PingPipe { pipe, answers: true, pulses: 0 };
    let (target, mut hub) = Script::with(options().queue_bytes(1000), alive);
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let started = Instant::now();
    for connection in 1..=3 {
        hub.connection().await;
        hub.welcomes();
        reaches(&target, ConnectionState::Connected).await;
        for n in 0..2 {
            let error = within("told", spoke.publish("a", "", json!("x".repeat(400)))).await;
            assert_eq!(error.map_err(|error| error.kind()), Err(ErrorKind::Timeout), "{connection} {n}");
        }
        let error = spoke.try_publish("a", "", json!("x".repeat(400))).expect_err("no room");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        while hub.hears_or_end().await.is_some() {}
    }
    assert!(started.elapsed() < Duration::from_secs(3 * 80), "{:?}", started.elapsed());
    // One that answers is never given up.
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    for n in 0..100 {
        let publishing = tokio::spawn({
            let spoke = spoke.clone();
            async move { spoke.publish("a", "", json!(n)).await }
        });
        let publish = hub.hears().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        hub.says(&json!({"type": "__published", "id": publish["id"], "payload": {"receivers": 1}}));
        within("published", publishing).await.expect("no panic").expect("published");
    }
    assert_eq!(target.upstream().stats().connections, 4);
}

#[tokio::test(start_paused = true)]
async fn the_hubs_good_bye_is_honoured() {
    let (target, mut hub) = Script::new(options());
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    let close = |reconnect: bool| {
        json!({"type": "__close", "payload":
        {"reason": "shutdown", "reconnect": reconnect, "retry_ms": 7000}})
    };
    hub.says(&close(true));
    reaches(&target, ConnectionState::Reconnecting).await;
    let closed = Instant::now();
    hub.connection().await;
    let waited = closed.elapsed();
    assert!((Duration::from_secs(7)..Duration::from_millis(7300)).contains(&waited), "{waited:?}");
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    hub.says(&close(false));
    reaches(&target, ConnectionState::Closed).await;
    let error = target.upstream().wait_connected().await.expect_err("sent away");
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(error.to_string().contains("shutdown"), "{error}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(hub.is_left_alone());
}

#[tokio::test(start_paused = true)]
async fn everything_wanted_is_asked_for_again_in_one_frame() {
    let (target, mut hub) = Script::new(options());
    hub.connection().await;
    hub.welcomes();
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let subscribing = tokio::spawn({
        let spoke = spoke.clone();
        async move {
            let subscribe = |n: usize| spoke.subscribe_to("a", n.to_string());
            futures_util::future::join_all((0..100).map(|n| subscribe(n).into_future())).await
        }
    });
    assert_eq!(hub.grants().await.as_array().map(Vec::len), Some(100));
    let subscriptions = within("granted", subscribing).await.expect("no panic");
    hub.connection().await;
    hub.welcomes();
    assert_eq!(hub.grants().await.as_array().map(Vec::len), Some(100));
    reaches(&target, ConnectionState::Connected).await;
    for subscription in subscriptions {
        let mut subscription = subscription.expect("granted").with_gaps();
        let Some(Delivery::Gap(gap)) = subscription.recv().await else { panic!("a gap") };
        assert_eq!((gap.reason(), gap.missed()), (GapReason::Reconnected, None));
    }
}

/// What has arrived in one piece is more than fits into the queue of who listens, who is quick enough though.
#[tokio::test(start_paused = true)]
async fn who_listens_has_a_turn_before_everything_is_read_that_is_there() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut hub = LengthDelimited::new(far, Wire::Json, 4096);
    let target = link_over(LengthDelimited::new(near, Wire::Json, 4096), options());
    let welcome = r#"{"type":"__welcome","id":"c","payload":{"protocol":1,"heartbeat_ms":25000,"max_frame_bytes":4096,"max_topics":1}}"#;
    let granted = r#"{"type":"__subscribed","id":"1","payload":{"topics":["a"]}}"#;
    let spoke = PubSub::<Dynamic>::new(target);
    let subscribing = tokio::spawn(async move { spoke.subscribe("a").capacity(128).await });
    hub.send([welcome].into_iter().collect()).expect("open");
    within("the hub speaks", poll_fn(|cx| hub.poll_flush(cx))).await.expect("open");
    let asked = within("the spoke asks", poll_fn(|cx| hub.poll_receive(cx))).await;
    assert!(matches!(asked, Some(Ok(Received::Frame(_)))), "{asked:?}");
    hub.send([granted].into_iter().collect()).expect("open");
    within("the hub speaks", poll_fn(|cx| hub.poll_flush(cx))).await.expect("open");
    let mut subscription = within("granted", subscribing).await.expect("no panic").expect("granted");

    let events = (0..2000).map(|n| format!(r#"{{"type":"a","id":"","payload":{n}}}"#));
    hub.send(events.collect()).expect("open");
    within("the hub speaks", poll_fn(|cx| hub.poll_flush(cx))).await.expect("open");
    for n in 0..2000 {
        let event = within("an event", subscription.recv()).await.expect("open");
        assert_eq!(event.payload(), &json!(n), "{} were missed", subscription.missed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_hub_must_not_send_is_counted_and_left_out() {
    let (target, mut hub) = Script::new(options());
    hub.connection().await;
    hub.welcomes();
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let subscribing = tokio::spawn(async move { spoke.subscribe("a").await });
    hub.grants().await;
    let mut subscription =
        within("granted", subscribing).await.expect("no panic").expect("granted").with_gaps();
    let bad = ["[]", "{}", r#"{"type":"__x"}"#, r#"{"type":"a","id":7}"#, r#"{"type":"b c"}"#];
    for frame in bad {
        hub.says_bytes(frame.as_bytes());
    }
    hub.says(&json!({"type": "unwanted", "id": "", "payload": 1}));
    hub.says_bytes(format!(r#"{{"type":"a","payload":"{}"}}"#, "x".repeat(17 << 20)).as_bytes());
    hub.says(&json!({"type": "__gap", "payload": {"reason": "slow_consumer", "missed": 17}}));
    hub.says(&json!({"type": "a", "id": "", "payload": 1}));
    let Some(Delivery::Gap(gap)) = within("a gap", subscription.recv()).await else { panic!("a gap") };
    assert_eq!((gap.reason(), gap.missed()), (GapReason::Remote, Some(17)));
    let Some(Delivery::Event(event)) = within("an event", subscription.recv()).await else {
        panic!("an event")
    };
    assert_eq!(event.payload(), &json!(1));
    let stats = target.upstream().stats();
    assert_eq!((stats.bad_frames, stats.unwanted, stats.events_in), (bad.len() as u64 + 1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_answers_up_to_its_deadline() {
    let (target, mut hub) = Script::new(options().publish_timeout(Duration::from_secs(60)));
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    let spoke = PubSub::<Dynamic>::new(target);
    let publishing = tokio::spawn({
        let spoke = spoke.clone();
        async move { spoke.publish("a", "", json!(1)).await }
    });
    assert_eq!(hub.hears().await["type"], "__publish");
    let before = Instant::now();
    let error = within("closed", spoke.close()).await.expect_err("the hub has not answered");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(before.elapsed().as_secs(), 5);
    let error = within("told", publishing).await.expect("no panic").expect_err("not answered");
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert_eq!(hub.hears_or_end().await, None);
}

#[test]
fn a_spoke_outlives_its_runtime_without_hanging_or_panicking() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (target, subscription) = runtime.block_on(async {
        let (target, mut hub) = Script::new(options());
        hub.connection().await;
        hub.welcomes();
        let spoke = PubSub::<Dynamic>::new(target.clone());
        let subscribing = tokio::spawn(async move { spoke.subscribe("a").await });
        hub.grants().await;
        (target, within("granted", subscribing).await.expect("no panic").expect("granted"))
    });
    drop(runtime);
    assert_eq!(target.state().current(), ConnectionState::Closed);
    let event = alk_pubsub_core::Event::new("a:".parse().expect("a topic"), 1);
    assert_eq!(target.try_dispatch_event(event).map_err(|error| error.kind()), Err(ErrorKind::Closed));
    drop(subscription);
    let other = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    other.block_on(target.close()).expect_err("what was under way is unknown");
}
