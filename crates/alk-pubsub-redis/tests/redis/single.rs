//! One server.

#[cfg(feature = "msgpack")]
use alk_pubsub_core::Encoding;
use alk_pubsub_core::{Dynamic, ErrorKind, Event, PubSub, Receivers};
use alk_pubsub_redis::RedisEventTarget;
use serde_json::json;

use super::support::{next_number, pubsub};
use alk_pubsub_testkit::redis::{Server, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_all_who_listen_once_in_any_process() {
    let server = Server::start(&[]);
    let (here, there) = (pubsub(&server.url()).await, pubsub(&server.url()).await);
    let mut subscriptions = Vec::new();
    for pubsub in [&here, &there] {
        subscriptions.push(pubsub.subscribe_to("tick", "a").await.unwrap());
        subscriptions.push(pubsub.subscribe("tick").await.unwrap());
        subscriptions.push(pubsub.subscribe_all().await.unwrap());
    }
    let published = here.publish("tick", "a", json!(1)).await.unwrap();
    assert_eq!(published.receivers, Receivers::AtLeast(6));
    there.publish("tick", "a", json!(2)).await.unwrap();
    for subscription in &mut subscriptions {
        assert_eq!(next_number(subscription).await, 1);
        assert_eq!(next_number(subscription).await, 2);
    }
    here.publish("tick", "b", json!(3)).await.unwrap();
    here.publish("tick", "a", json!(4)).await.unwrap();
    for (at, subscription) in subscriptions.iter_mut().enumerate() {
        if at % 3 > 0 {
            assert_eq!(next_number(subscription).await, 3);
        }
        assert_eq!(next_number(subscription).await, 4);
        assert_eq!(subscription.missed(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn active_means_active() {
    let server = Server::start(&[]);
    let (here, there) = (pubsub(&server.url()).await, pubsub(&server.url()).await);
    for round in 0..10_000u64 {
        let id = format!("r{round}");
        let mut subscription = here.subscribe_to("round", &id).await.unwrap();
        there.publish("round", &id, json!(round)).await.unwrap();
        assert_eq!(next_number(&mut subscription).await, round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_will_do() {
    let folder = Server::start(&[]);
    let socket = folder.folder().join("redis.sock").display().to_string();
    let _server = Server::start(&["--unixsocket", &socket]);
    wait_until("there is a socket", || std::path::Path::new(&socket).exists());
    let pubsub = pubsub(&format!("unix://{socket}")).await;
    let mut ticks = pubsub.subscribe("tick").await.unwrap();
    pubsub.publish("tick", "a", json!(1)).await.unwrap();
    assert_eq!(next_number(&mut ticks).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_is_a_topic_space_and_means_itself_in_patterns() {
    let server = Server::start(&[]);
    let space = async |prefix: &str| {
        let target = RedisEventTarget::builder(server.url()).prefix(prefix).connect().await.unwrap();
        PubSub::<Dynamic>::new(target)
    };
    let (odd, other) = (space("a[b]*?\\^-:").await, space("ab*?\\^-:").await);
    let mut heard = [odd.subscribe("tick").await.unwrap(), odd.subscribe_all().await.unwrap()];
    other.publish("tick", "a", json!(1)).await.unwrap();
    odd.publish("tick", "*", json!(2)).await.unwrap();
    for heard in &mut heard {
        let event = heard.recv().await.unwrap();
        assert_eq!((event.id(), event.payload()), ("*", &json!(2)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_is_not() {
    let server = Server::start(&[]);
    let target = RedisEventTarget::builder(server.url()).max_envelope_bytes(100).connect().await.unwrap();
    let pubsub = PubSub::<Dynamic>::new(target);
    let error = pubsub.publish("tick", "a", json!("x".repeat(100))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let error = pubsub.publish("__tick", "a", json!(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReservedType);
    assert!(!server.command(&["INFO", "commandstats"]).text().contains("cmdstat_publish"));
}

#[cfg(feature = "msgpack")]
#[tokio::test(flavor = "multi_thread")]
async fn envelopes_may_be_message_pack() {
    let server = Server::start(&[]);
    let space = async || {
        let target =
            RedisEventTarget::builder(server.url()).codec(Encoding::MSGPACK).connect().await.unwrap();
        PubSub::<Dynamic>::new(target)
    };
    let (here, there) = (space().await, space().await);
    let mut ticks = here.subscribe("tick").await.unwrap();
    there.publish("tick", "a", json!(70_000)).await.unwrap();
    assert_eq!(next_number(&mut ticks).await, 70_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn publishers_take_turns_in_the_order_in_which_they_called() {
    let server = Server::start(&[]);
    let target =
        RedisEventTarget::builder(server.url()).prefix("test:").max_in_flight(3).connect().await.unwrap();
    let pubsub = PubSub::<Dynamic>::new(target);
    let mut ticks = pubsub.subscribe("tick").capacity(20_000).await.unwrap();
    let event = |number: u64| Event::new("tick:a".parse().unwrap(), number);
    // Awaited the last first: the calls are the order.
    let mut publishing: Vec<_> =
        (0..10_000).map(|number| pubsub.target().dispatch_event(event(number))).collect();
    while let Some(published) = publishing.pop() {
        published.await.unwrap();
    }
    for number in 0..10_000 {
        assert_eq!(next_number(&mut ticks).await, number);
    }
}
