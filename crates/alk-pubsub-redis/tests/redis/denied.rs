//! What the server refuses.

use std::time::{Duration, Instant};

use alk_pubsub_core::{ConnectionState, Dynamic, ErrorKind, PubSub};
use alk_pubsub_redis::{ErrorKind as RedisErrorKind, Reconnect, RedisEventTarget};
use serde_json::json;

use super::support::{Seen, next_number, next_seen, soon, wait_for_state};
use alk_pubsub_testkit::redis::{Server, wait_until};

/// What a target needs.
const COMMANDS: [&str; 7] =
    ["+publish", "+subscribe", "+psubscribe", "+unsubscribe", "+punsubscribe", "+ping", "+client|info"];

fn with_user(channels: &str) -> Server {
    let server = Server::start(&[]);
    server.set_user("app", "secret", &[&COMMANDS, &[channels][..]].concat());
    server
}

async fn connect(server: &Server) -> PubSub<Dynamic> {
    let target = RedisEventTarget::builder(server.url())
        .prefix("test:")
        .username("app")
        .password("secret")
        .reconnect(Reconnect::default().longest(Duration::from_millis(300)))
        .connect()
        .await
        .unwrap();
    PubSub::new(target)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_channel_is_named_and_harms_no_other() {
    let server = with_user("&test:open:*");
    let pubsub = connect(&server).await;
    for round in 0..100 {
        let asked = ["open", "shut", "open"]
            .map(|event| pubsub.subscribe_to(event, format!("{round}")).into_future());
        let [first, refused, second] = asked;
        let (first, refused, second) =
            soon("all are decided", async { tokio::join!(first, refused, second) }).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Denied);
        assert!(refused.to_string().contains(&format!("`test:shut:{round}`")), "{refused}");
        let (mut first, mut second) = (first.unwrap(), second.unwrap());
        pubsub.publish("open", format!("{round}"), json!(round)).await.unwrap();
        assert_eq!(next_number(&mut first).await, round);
        assert_eq!(next_number(&mut second).await, round);
    }
    // One in the middle of many.
    let asked = (0..600).map(|id| {
        pubsub.subscribe_to(if id == 333 { "shut" } else { "open" }, format!("m{id}")).into_future()
    });
    let decided = soon("all are decided", futures_util::future::join_all(asked)).await;
    for (id, decided) in decided.into_iter().enumerate() {
        assert_eq!(decided.is_err(), id == 333, "{id}");
    }
    let refused = pubsub.publish("shut", "x", json!(1)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
    assert!(refused.to_string().contains("`test:shut:x`"), "{refused}");
    // A pattern is refused unless it is granted literally.
    let refused = pubsub.subscribe("shut").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
    assert!(refused.to_string().contains("`test:shut:*`"), "{refused}");
    drop(pubsub.subscribe("open").await.unwrap());
    assert_eq!(pubsub.state().current(), ConnectionState::Connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_taken_away_while_it_is_subscribed_to_is_refused_from_then_on() {
    let server = with_user("&test:*");
    let pubsub = connect(&server).await;
    let mut taken = pubsub.subscribe_to("taken", "a").await.unwrap().with_gaps();
    let mut kept = pubsub.subscribe_to("kept", "a").await.unwrap().with_gaps();
    // The server throws out who is subscribed to what it may not be.
    server.tell(&["ACL", "SETUSER", "app", "resetchannels", "&test:kept:*"]);
    assert!(matches!(next_seen(&mut taken).await, Seen::Gap(_)), "it is told that nothing comes any more");
    assert!(matches!(next_seen(&mut kept).await, Seen::Gap(_)));
    wait_for_state(&**pubsub.target(), ConnectionState::Connected).await;
    pubsub.publish("kept", "a", json!(1)).await.unwrap();
    assert_eq!(next_seen(&mut kept).await, Seen::Number(1));
    let refused = pubsub.subscribe_to("taken", "a").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_cannot_be_told_what_it_has_is_refused_from_the_start() {
    let server = with_user("&*");
    server.tell(&["ACL", "SETUSER", "app", "-client|info"]);
    let target = RedisEventTarget::builder(server.url()).username("app").password("secret");
    let error = target.connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisErrorKind::Denied);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("client|info"), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_an_error_at_once() {
    let server = with_user("&*");
    let begun = Instant::now();
    let wrong = RedisEventTarget::builder(server.url()).username("app").password("wrong");
    let error = wrong.connect_timeout(Duration::from_secs(30)).connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisErrorKind::Auth);
    assert!(!error.is_retryable());
    assert!(begun.elapsed() < Duration::from_secs(20), "it is not tried again and again");
    wait_until("no connection is left", || server.clients().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_changed_ends_it_after_a_few_attempts() {
    let server = with_user("&*");
    let pubsub = connect(&server).await;
    server.tell(&["ACL", "SETUSER", "app", "resetpass", ">other"]);
    server.tell(&["CLIENT", "KILL", "USER", "app"]);
    wait_for_state(&**pubsub.target(), ConnectionState::Closed).await;
    let error = pubsub.subscribe_to("tick", "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    let error = pubsub.publish("tick", "a", json!(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    let attempts = server.command(&["ACL", "LOG"]).list().len();
    assert!(attempts < 10, "{attempts} attempts");
}
