//! What is left behind: nothing.

use alk_pubsub_core::ErrorKind;
use serde_json::json;

use super::support::{connect, next_number, pubsub, soon};
use alk_pubsub_testkit::redis::{Server, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_leaves_no_connection() {
    let server = Server::start(&[]);
    for _ in 0..20 {
        let pubsub = pubsub(&server.url()).await;
        let mut all = pubsub.subscribe_all().await.unwrap();
        let one = pubsub.subscribe_to("tick", "a").await.unwrap();
        pubsub.publish("tick", "a", json!(1)).await.unwrap();
        assert_eq!(server.clients().len(), 3, "one to publish, one to subscribe, one for everything");
        drop(pubsub);
        assert_eq!(next_number(&mut all).await, 1, "subscriptions keep the target");
        drop(all);
        assert_eq!(server.clients().iter().filter(|client| client.contains(" sub=1 ")).count(), 1);
        drop(one);
        wait_until("no connection is left", || server.clients().is_empty());
    }
}

#[test]
fn a_target_outlives_the_runtimes_that_it_is_used_in() {
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let target = runtime.block_on(connect(&server.url()));
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pubsub = alk_pubsub_core::PubSub::<alk_pubsub_core::Dynamic>::new(target);
    let mut tick = other.block_on(async { pubsub.subscribe_to("tick", "a").await.unwrap() });
    drop(other);
    pubsub.try_publish("tick", "a", json!(5)).unwrap();
    let another = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(another.block_on(next_number(&mut tick)), 5);
    drop((tick, pubsub));
    wait_until("no connection is left", || server.clients().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_flushes_and_ends_everything() {
    let server = Server::start(&[]);
    let (here, there) = (pubsub(&server.url()).await, pubsub(&server.url()).await);
    let mut heard = there.subscribe_to("tick", "a").capacity(2_000).await.unwrap();
    let mut own = here.subscribe_to("other", "a").await.unwrap();
    for number in 0..1_000u64 {
        here.try_publish("tick", "a", json!(number)).unwrap();
    }
    soon("it closes", here.close()).await.unwrap();
    assert!(own.recv().await.is_none(), "subscriptions end");
    for number in 0..1_000 {
        assert_eq!(next_number(&mut heard).await, number);
    }
    assert_eq!(here.publish("tick", "a", json!(1)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(here.subscribe("tick").await.unwrap_err().kind(), ErrorKind::Closed);
    here.close().await.unwrap();
    wait_until("only the other target's connections are left", || server.clients().len() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn interests_that_go_are_given_up() {
    let server = Server::start(&[]);
    let pubsub = pubsub(&server.url()).await;
    let everything = pubsub.subscribe_all().await.unwrap();
    let of_type = pubsub.subscribe("tick").await.unwrap();
    let topic = pubsub.subscribe_to("tick", "a").await.unwrap();
    assert_eq!(server.command(&["PUBSUB", "NUMPAT"]).number(), Some(2));
    drop((everything, of_type, topic));
    wait_until("nothing is subscribed to", || {
        server.command(&["PUBSUB", "NUMPAT"]).number() == Some(0)
            && server.command(&["PUBSUB", "CHANNELS"]).list().is_empty()
    });
    wait_until("two connections are left", || server.clients().len() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_flap_converge_on_what_is_wanted() {
    let server = Server::start(&[]);
    let pubsub = pubsub(&server.url()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8u64 {
        let pubsub = pubsub.clone();
        tasks.spawn(async move {
            for round in 0..300 {
                let id = format!("{}", (round + task) % 3);
                let mut subscription = pubsub.subscribe_to("flap", &id).await.unwrap();
                pubsub.publish("flap", &id, json!(1)).await.unwrap();
                next_number(&mut subscription).await;
            }
        });
    }
    soon("all rounds", tasks.join_all()).await;
    wait_until("nothing is subscribed to", || server.command(&["PUBSUB", "CHANNELS"]).list().is_empty());
}
