//! Connecting, asking, losing and finding again, over a server that does what the test says. Time is paused.

use std::time::Duration;

use alk_pubsub_core::{
    ConnectionState, Delivery, Dynamic, ErrorKind, Gap, GapReason, PubSub, RoutedEventTarget, Subscription,
    Upstream, WithGaps,
};
use futures_util::{FutureExt, StreamExt};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::channels::Channels;
use crate::config::{Config, Offline};
use crate::driver::scripted::Scripted;
use crate::error::{Error, ErrorKind as RedisErrorKind};
use crate::parts::Parts;
use crate::threads::Threads;
use crate::upstream::RedisUpstream;

fn target(server: &Scripted, offline: Offline) -> RoutedEventTarget<RedisUpstream> {
    configured(server, |config| config.offline = offline)
}

fn configured(server: &Scripted, configure: impl FnOnce(&mut Config)) -> RoutedEventTarget<RedisUpstream> {
    let mut config = Config::new(String::new());
    configure(&mut config);
    RoutedEventTarget::new(|router| {
        let channels = Channels::new("p:".to_owned(), config.sharded).unwrap();
        let (upstream, publishing, reading) =
            Parts { router, channels, config, driver: server.clone() }.assemble(Threads::new());
        tokio::spawn(publishing);
        tokio::spawn(reading);
        upstream
    })
}

async fn connected(server: &Scripted) -> PubSub<Dynamic> {
    let pubsub = PubSub::new(target(server, Offline::Fail));
    assert!(pubsub.state().wait_connected().await);
    pubsub
}

async fn wait_for(pubsub: &PubSub<Dynamic>, wanted: ConnectionState) {
    let mut state = pubsub.state();
    while state.current() != wanted {
        state.changed().await;
    }
}

async fn next(subscription: &mut WithGaps<Value>) -> Result<u64, Gap> {
    match subscription.next().await.unwrap() {
        Delivery::Event(event) => Ok(event.payload().as_u64().unwrap()),
        Delivery::Gap(gap) => Err(gap),
    }
}

fn reconnected() -> Gap {
    Gap::new(GapReason::Reconnected, None)
}

fn away() -> Option<Error> {
    Some(Error::disconnected())
}

#[tokio::test(start_paused = true)]
async fn copies_go_to_those_who_asked_for_them() {
    let server = Scripted::default();
    let pubsub = connected(&server).await;
    let mut subscriptions = vec![
        pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps(),
        pubsub.subscribe("tick").await.unwrap().with_gaps(),
        pubsub.subscribe_all().await.unwrap().with_gaps(),
    ];
    for number in 0..3 {
        let published = pubsub.publish("tick", "a", json!(number)).await.unwrap();
        assert_eq!(published.known_receivers(), Some(3));
        for subscription in &mut subscriptions {
            assert_eq!(next(subscription).await, Ok(number));
            assert!(subscription.next().now_or_never().is_none(), "each copy once");
        }
    }
}

async fn refusals(quiet: bool) {
    let server = Scripted::default();
    server.be_quiet(quiet);
    for name in ["p:tick:7", "p:tick:700", "p:shut:*"] {
        server.deny(name);
    }
    let pubsub = connected(&server).await;
    let asked = (0..1000).map(|id| pubsub.subscribe_to("tick", id.to_string()).into_future());
    let asked = futures_util::future::join_all(asked);
    let (decided, of_type) = tokio::join!(asked, pubsub.subscribe("shut").into_future());
    assert_eq!(of_type.unwrap_err().kind(), ErrorKind::Denied);
    for (id, decided) in decided.iter().enumerate() {
        match decided {
            Ok(_) => assert!(id != 7 && id != 700),
            Err(error) => {
                assert!(id == 7 || id == 700, "{id}: {error}");
                assert_eq!(error.kind(), ErrorKind::Denied);
                assert!(error.to_string().contains(&format!("`p:tick:{id}`")));
            }
        }
    }
    assert_eq!(server.subscribed().len(), 998);
    assert_eq!(server.attempts(), 2, "the connection stays");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_answered_in_the_wrong_place_hits_only_whom_it_is_meant_for() {
    refusals(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_not_answered_at_all_hits_only_whom_it_is_meant_for() {
    refusals(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_one_gap_before_any_newer_event() {
    let server = Scripted::default();
    let pubsub = connected(&server).await;
    let mut busy = pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps();
    let mut of_type = pubsub.subscribe("tick").await.unwrap().with_gaps();
    let mut idle = pubsub.subscribe_to("idle", "").await.unwrap().with_gaps();
    pubsub.publish("tick", "a", json!(1)).await.unwrap();
    server.crash(away());
    wait_for(&pubsub, ConnectionState::Reconnecting).await;
    let error = pubsub.publish("tick", "a", json!(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    server.come_back();
    // As soon as a subscription is there, long before it is confirmed.
    while server.publish("p:tick:a", br#"{"type":"tick","id":"a","payload":3}"#) == 0 {
        tokio::time::sleep(Duration::from_micros(10)).await;
    }
    wait_for(&pubsub, ConnectionState::Connected).await;
    pubsub.publish("tick", "a", json!(4)).await.unwrap();
    assert_eq!(next(&mut busy).await, Ok(1));
    assert_eq!(next(&mut busy).await, Err(reconnected()));
    let after = next(&mut busy).await;
    assert!(after == Ok(3) || after == Ok(4), "{after:?}");
    assert_eq!(next(&mut of_type).await, Ok(1));
    assert_eq!(next(&mut of_type).await, Err(reconnected()));
    assert!(next(&mut of_type).await.is_ok());
    assert_eq!(next(&mut idle).await, Err(reconnected()));
    assert!(idle.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_the_server_forgets_in_silence_is_noticed() {
    let server = Scripted::default();
    let pubsub = connected(&server).await;
    let mut subscription = pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps();
    let mut everything = pubsub.subscribe_all().await.unwrap().with_gaps();
    server.forget();
    let begun = tokio::time::Instant::now();
    assert_eq!(next(&mut subscription).await, Err(reconnected()));
    assert_eq!(next(&mut everything).await, Err(reconnected()));
    assert!(begun.elapsed() < Duration::from_secs(5));
    pubsub.publish("tick", "a", json!(1)).await.unwrap();
    assert_eq!(next(&mut subscription).await, Ok(1));
    assert_eq!(next(&mut everything).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_lost_in_silence_is_noticed_however_often_interests_change() {
    let server = Scripted::default();
    let pubsub = PubSub::<Dynamic>::new(configured(&server, |config| config.sharded = true));
    assert!(pubsub.state().wait_connected().await);
    let mut subscription = pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps();
    server.forget();
    let begun = tokio::time::Instant::now();
    let mut others = Vec::new();
    let gap = loop {
        let second = tokio::time::sleep(Duration::from_secs(1));
        tokio::select! {
            gap = next(&mut subscription) => break gap,
            () = second => {}
        }
        others.push(pubsub.subscribe_to("other", others.len().to_string()).await.unwrap());
        assert!(begun.elapsed() < Duration::from_secs(5), "nobody has noticed");
    };
    assert_eq!(gap, Err(reconnected()));
}

#[tokio::test(start_paused = true)]
async fn it_is_connected_again_when_what_was_wanted_is_there_whatever_comes_up_meanwhile() {
    let server = Scripted::default();
    let pubsub = connected(&server).await;
    let _kept = pubsub.subscribe_to("tick", "a").await.unwrap();
    server.crash(None);
    wait_for(&pubsub, ConnectionState::Reconnecting).await;
    // Each round of questions and answers finds another change.
    let pubsub = &pubsub;
    let churning = (0..8u64).map(async |who| {
        for id in 0u64.. {
            for _ in 0..who {
                tokio::task::yield_now().await;
            }
            drop(pubsub.subscribe_to("reply", format!("{who} {id}")).await.unwrap());
            // Time passes though there is never nothing to do.
            tokio::time::advance(Duration::from_millis(1)).await;
        }
    });
    let churning = futures_util::future::join_all(churning);
    let connected =
        tokio::time::timeout(Duration::from_secs(30), wait_for(pubsub, ConnectionState::Connected));
    tokio::select! {
        biased;
        connected = connected => connected.expect("it is connected again"),
        _ = churning => {}
    }
}

#[tokio::test(start_paused = true)]
async fn giving_up_on_closing_closes_all_the_same() {
    let server = Scripted::default();
    let target = target(&server, Offline::Fail);
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    assert!(pubsub.state().wait_connected().await);
    server.hang(true);
    let publishing = pubsub.publish("tick", "a", json!(1));
    tokio::pin!(publishing);
    assert!((&mut publishing).now_or_never().is_none());
    tokio::task::yield_now().await;
    assert!(pubsub.close().now_or_never().is_none(), "it waits for what is under way");
    assert_eq!(target.upstream().state().expect("a state").current(), ConnectionState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_cluster_is_looked_into_at_once() {
    let server = Scripted::default();
    let pubsub = connected(&server).await;
    let mut subscription = pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps();
    server.change_topology();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(subscription.next().now_or_never().is_none(), "nothing was lost");
    server.forget();
    server.change_topology();
    let begun = tokio::time::Instant::now();
    assert_eq!(next(&mut subscription).await, Err(reconnected()));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up_within_fifteen_seconds() {
    let server = Scripted::default();
    let pubsub = connected(&server).await;
    let mut subscription = pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps();
    server.hang(true);
    let begun = tokio::time::Instant::now();
    wait_for(&pubsub, ConnectionState::Reconnecting).await;
    assert!(begun.elapsed() < Duration::from_secs(15));
    let waiting = pubsub.subscribe_to("late", "a").await.unwrap_err();
    assert_eq!(waiting.kind(), ErrorKind::Timeout);
    server.hang(false);
    wait_for(&pubsub, ConnectionState::Connected).await;
    assert_eq!(next(&mut subscription).await, Err(reconnected()));
}

#[tokio::test(start_paused = true)]
async fn messages_that_the_client_dropped_are_a_gap_with_their_number_where_it_can_be_known() {
    let server = Scripted::default();
    let pubsub = connected(&server).await;
    let mut one = pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps();
    server.lag(17);
    assert_eq!(next(&mut one).await, Err(Gap::new(GapReason::TransportLag, Some(17))));
    let mut other = pubsub.subscribe("tock").await.unwrap().with_gaps();
    server.lag(4);
    let unknown = Gap::new(GapReason::TransportLag, None);
    assert_eq!((next(&mut one).await, next(&mut other).await), (Err(unknown), Err(unknown)));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_envelope_that_its_channel_says_is_refused_and_counted() {
    let server = Scripted::default();
    let target = target(&server, Offline::Fail);
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    assert!(pubsub.state().wait_connected().await);
    let mut all = pubsub.subscribe_all().await.unwrap().with_gaps();
    let mut tick = pubsub.subscribe("tick").await.unwrap().with_gaps();
    for (channel, message) in [
        ("p:tick:a", &b"no envelope"[..]),
        ("p:tick:a", br#"{"type":"tick","id":"b","payload":1}"#),
        ("p:tick:a", br#"{"type":"tock","id":"a","payload":1}"#),
        ("p:tick:a", br#"{"type":"__gap","id":"a","payload":1}"#),
        ("p:tick", br#"{"type":"tick","id":"","payload":1}"#),
        ("p:tick:a", b"\xff\xfe"),
    ] {
        server.publish(channel, message);
    }
    server.publish("p:tick:a", br#"{"extra":[],"type":"tick","id":"a","payload":2}"#);
    assert_eq!(next(&mut all).await, Ok(2));
    assert_eq!(next(&mut tick).await, Ok(2));
    // The pattern of a type does not match `p:tick`.
    assert_eq!(target.upstream().refused_messages(), 6 + 5);
}

#[tokio::test(start_paused = true)]
async fn listeners_of_everything_have_a_connection_only_while_there_are_some() {
    let server = Scripted::default();
    let pubsub = connected(&server).await;
    assert_eq!(server.subscriber_connections(), 2);
    for _ in 0..3 {
        let all = pubsub.subscribe_all().await.unwrap();
        assert_eq!(server.subscriber_connections(), 3);
        drop(all);
        while server.subscriber_connections() > 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert_eq!(pubsub.state().current(), ConnectionState::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_password_that_is_refused_again_and_again_ends_it() {
    let server = Scripted::default();
    let pubsub = connected(&server).await;
    let mut subscription = pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps();
    server.crash(Some(Error::new(RedisErrorKind::Auth, "wrong")));
    wait_for(&pubsub, ConnectionState::Closed).await;
    assert!(server.attempts() <= 8, "{}", server.attempts());
    assert_eq!(pubsub.publish("tick", "a", json!(1)).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(pubsub.subscribe("tick").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(next(&mut subscription).await, Err(reconnected()));
    assert!(subscription.next().await.is_none());
    assert_eq!(subscription.subscription().ended_by().expect("a reason").kind(), ErrorKind::Denied);
}

#[tokio::test(start_paused = true)]
async fn what_is_published_in_between_is_sent_in_order_if_it_may_wait() {
    let server = Scripted::default();
    let pubsub = PubSub::<Dynamic>::new(target(&server, Offline::Buffer { bytes: 10_000 }));
    assert!(pubsub.state().wait_connected().await);
    server.crash(away());
    wait_for(&pubsub, ConnectionState::Reconnecting).await;
    for number in 0..100 {
        pubsub.try_publish("tick", "a", json!(number)).unwrap();
    }
    let mut large = (0..).map(|_| pubsub.try_publish("tick", "b", json!("x".repeat(1000))));
    assert_eq!(large.find_map(Result::err).unwrap().kind(), ErrorKind::Disconnected);
    // Flushed to the one who listens: nobody, unless the subscription is there first.
    let listener = connected_later(&server).await;
    let mut subscription = listener.subscribe_to("tick", "a").into_future().await.unwrap().with_gaps();
    for number in 0..100 {
        match next(&mut subscription).await {
            Ok(heard) => assert_eq!(heard, number),
            Err(gap) => panic!("{gap}"),
        }
    }
}

/// A second target that is connected and subscribed while the first is still away.
async fn connected_later(server: &Scripted) -> PubSub<Dynamic> {
    server.come_back();
    connected(server).await
}

#[derive(Debug, Clone)]
enum Op {
    Subscribe(usize),
    Drop(usize),
    Crash,
    Forget,
    Lag,
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..6usize).prop_map(Op::Subscribe),
        4 => (0..6usize).prop_map(Op::Drop),
        1 => Just(Op::Crash),
        1 => Just(Op::Forget),
        1 => Just(Op::Lag),
        4 => (0..2000u64).prop_map(Op::Pass),
    ]
}

type Subscribing =
    std::pin::Pin<Box<dyn Future<Output = Result<Subscription<Value>, alk_pubsub_core::Error>>>>;

/// A subscription in the making or made, and what it has heard.
#[allow(clippy::large_enum_variant, reason = "there are six")]
enum Held {
    Waiting(Subscribing),
    Made { subscription: WithGaps<Value>, expected: u64, gap: bool },
    Refused,
}

impl Held {
    /// Takes what there is. Events are numbered: one may be missing only where there is a gap.
    fn look(&mut self, published: u64) {
        if let Held::Waiting(subscribing) = self
            && let Some(made) = subscribing.now_or_never()
        {
            *self = match made {
                Ok(made) => {
                    Held::Made { subscription: made.with_gaps(), expected: published + 1, gap: false }
                }
                Err(_) => Held::Refused,
            };
        }
        let Held::Made { subscription, expected, gap } = self else { return };
        while let Some(Some(delivery)) = subscription.next().now_or_never() {
            match delivery {
                Delivery::Gap(_) => *gap = true,
                Delivery::Event(event) => {
                    let number = event.payload().as_u64().unwrap();
                    // What was published while it was being made may come or not.
                    if number >= *expected {
                        assert!(
                            number == *expected || *gap,
                            "{number} after {} without a gap",
                            *expected - 1
                        );
                        (*expected, *gap) = (number + 1, false);
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_losses_are_gaps_and_the_server_ends_up_with_what_is_wanted(
        ops in proptest::collection::vec(op(), 0..60),
        quiet: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let server = Scripted::default();
            server.deny("p:denied:x");
            server.be_quiet(quiet);
            let pubsub = connected(&server).await;
            let mut held: Vec<Option<Held>> = (0..6).map(|_| None).collect();
            let mut published = 0;
            for op in ops {
                match op {
                    Op::Subscribe(at) => {
                        let subscribing = match at {
                            0 => pubsub.subscribe_all(),
                            1 => pubsub.subscribe("tick"),
                            2 => pubsub.subscribe_to("denied", "x"),
                            // Three subscriptions of two topics.
                            _ => pubsub.subscribe_to("tick", (at % 2).to_string()),
                        };
                        held[at] = Some(Held::Waiting(subscribing.into_future().boxed_local()));
                    }
                    Op::Drop(at) => held[at] = None,
                    Op::Crash => server.crash(None),
                    Op::Forget => server.forget(),
                    Op::Lag => server.lag(1),
                    Op::Pass(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                }
                for held in held.iter_mut().flatten() {
                    held.look(published);
                }
                published += 1;
                server.publish("p:tick:1", format!(r#"{{"type":"tick","id":"1","payload":{published}}}"#).as_bytes());
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
            published += 1;
            server.publish("p:tick:1", format!(r#"{{"type":"tick","id":"1","payload":{published}}}"#).as_bytes());
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut expected = std::collections::BTreeSet::new();
            for (at, held) in held.iter_mut().enumerate() {
                let Some(held) = held else { continue };
                let was_made = matches!(held, Held::Made { .. });
                held.look(published);
                if let Held::Made { expected, .. } = held
                    && at != 4
                    && was_made
                {
                    assert_eq!(*expected, published + 1, "it hears the last");
                }
                assert_eq!(matches!(held, Held::Refused), at == 2);
                match at {
                    0 => expected.insert("p:*".to_owned()),
                    1 => expected.insert("p:tick:*".to_owned()),
                    2 => false,
                    _ => expected.insert(format!("p:tick:{}", at % 2)),
                };
            }
            let mut subscribed = server.subscribed();
            subscribed.sort_unstable();
            assert_eq!(subscribed, expected.into_iter().collect::<Vec<_>>());
            assert_eq!(pubsub.state().current(), ConnectionState::Connected);
        });
    }
}
