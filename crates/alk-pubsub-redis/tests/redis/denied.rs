//! What the server refuses.

use std::time::{Duration, Instant};

use alk_pubsub_core::{ConnectionState, Dynamic, ErrorKind, PubSub};
use alk_pubsub_redis::{ErrorKind as RedisErrorKind, Reconnect, RedisEventTarget};
use serde_json::json;

use super::support::{Seen, next_number, next_seen, soon, wait_for_state};
use alk_pubsub_testkit::redis::{Server, wait_until};
use futures_util::StreamExt;

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
async fn subscriptions_of_a_channel_that_is_taken_away_end_and_say_why() {
    let server = with_user("&test:*");
    let pubsub = connect(&server).await;
    let mut taken = pubsub.subscribe_to("taken", "a").await.unwrap().with_gaps();
    // A granted pattern is one of the rules, literally.
    server.tell(&["ACL", "SETUSER", "app", "&test:taken:*"]);
    let mut of_type = pubsub.subscribe("taken").await.unwrap().with_gaps();
    let mut of_all = pubsub.subscribe_all().await.unwrap().with_gaps();
    let mut kept = pubsub.subscribe_to("kept", "a").await.unwrap().with_gaps();
    // The server throws out who is subscribed to what it may not be.
    server.tell(&["ACL", "SETUSER", "app", "resetchannels", "&test:kept:*"]);
    for (subscription, channel) in
        [(&mut taken, "`test:taken:a`"), (&mut of_type, "`test:taken:*`"), (&mut of_all, "`test:*`")]
    {
        assert!(matches!(next_seen(subscription).await, Seen::Gap(_)));
        assert!(soon("the end", subscription.next()).await.is_none());
        let error = subscription.subscription().ended_by().expect("it is nobody's wish here");
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.to_string().contains(channel), "{error}");
    }
    assert!(matches!(next_seen(&mut kept).await, Seen::Gap(_)));
    wait_for_state(&**pubsub.target(), ConnectionState::Connected).await;
    pubsub.publish("kept", "a", json!(1)).await.unwrap();
    assert_eq!(next_seen(&mut kept).await, Seen::Number(1));
    let refused = pubsub.subscribe_to("taken", "a").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
    // When it is granted again, who asks again has it.
    server.tell(&["ACL", "SETUSER", "app", "&test:taken:*"]);
    let mut granted = pubsub.subscribe_to("taken", "a").await.unwrap();
    pubsub.publish("taken", "a", json!(2)).await.unwrap();
    assert_eq!(next_number(&mut granted).await, 2);
    assert!(kept.subscription().ended_by().is_none());
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
    let wrong = RedisEventTarget::builder(server.url()).username("app").password("wrong");
    assert_eq!(wrong.start().await.unwrap_err().kind(), RedisErrorKind::Auth);
    wait_until("no connection is left", || server.clients().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_may_be_started_before_its_server() {
    let server = Server::start(&[]);
    server.kill();
    let reconnect = Reconnect::default().longest(Duration::from_millis(300));
    let target = RedisEventTarget::builder(server.url()).reconnect(reconnect).start().await.unwrap();
    let pubsub = PubSub::<Dynamic>::new(target);
    assert_eq!(pubsub.state().current(), ConnectionState::Connecting);
    let error = pubsub.publish("tick", "a", json!(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let waiting = pubsub.subscribe("tick").into_future();
    server.restart();
    let mut ticks = soon("the server", waiting).await.unwrap().with_gaps();
    wait_for_state(&**pubsub.target(), ConnectionState::Connected).await;
    pubsub.publish("tick", "a", json!(2)).await.unwrap();
    assert_eq!(next_seen(&mut ticks).await, Seen::Number(2), "nothing was missed before it was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_changed_ends_it_after_a_few_attempts() {
    let server = with_user("&*");
    let pubsub = connect(&server).await;
    let mut subscription = pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps();
    server.tell(&["ACL", "SETUSER", "app", "resetpass", ">other"]);
    server.tell(&["CLIENT", "KILL", "USER", "app"]);
    wait_for_state(&**pubsub.target(), ConnectionState::Closed).await;
    assert!(matches!(next_seen(&mut subscription).await, Seen::Gap(_)));
    assert!(soon("the end", subscription.next()).await.is_none());
    let error = subscription.subscription().ended_by().expect("it is nobody's wish here");
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    let error = pubsub.subscribe_to("tick", "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    let error = pubsub.publish("tick", "a", json!(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    let attempts = server.command(&["ACL", "LOG"]).list().len();
    assert!(attempts < 10, "{attempts} attempts");
}
