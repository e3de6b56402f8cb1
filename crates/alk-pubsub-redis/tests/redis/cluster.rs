//! A cluster of six.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alk_pubsub_core::{ConnectionState, Dynamic, ErrorKind, GapReason, PubSub, Receivers};
use alk_pubsub_redis::{Reconnect, RedisEventTarget};
use serde_json::json;

use super::support::{Seen, next_number, next_seen, pubsub, soon, wait_for_state};
use alk_pubsub_testkit::redis::{Cluster, Server, wait_until};

async fn sharded(url: &str) -> PubSub<Dynamic> {
    let reconnect = Reconnect::default().longest(Duration::from_millis(300));
    let target = RedisEventTarget::builder(url).prefix("test:").reconnect(reconnect).sharded(true);
    PubSub::new(target.connect().await.unwrap())
}

/// The node that a connection with subscriptions is on.
fn holder(cluster: &Cluster) -> Option<usize> {
    cluster.nodes().iter().position(|node| {
        node.pid().is_some()
            && node.clients().iter().any(|client| !client.contains(" sub=0 ") || !client.contains(" ssub=0"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn events_cross_the_cluster_and_active_means_active() {
    let cluster = Cluster::start();
    let (here, there) = (pubsub(&cluster.url()).await, pubsub(&cluster.url()).await);
    let mut all = here.subscribe_all().await.unwrap();
    let mut of_type = here.subscribe("round").capacity(20_000).await.unwrap();
    let published = there.publish("round", "first", json!(0)).await.unwrap();
    assert_eq!(published.receivers, Receivers::Unknown);
    assert_eq!((next_number(&mut all).await, next_number(&mut of_type).await), (0, 0));
    drop(all);
    for round in 1..10_000u64 {
        let id = format!("r{round}");
        let mut subscription = here.subscribe_to("round", &id).await.unwrap();
        there.publish("round", &id, json!(round)).await.unwrap();
        assert_eq!(next_number(&mut subscription).await, round);
        assert_eq!(next_number(&mut of_type).await, round);
    }
    drop((here, there, of_type));
    for node in cluster.nodes() {
        wait_until("no connection is left", || {
            node.clients().iter().all(|client| client.contains("flags=M") || client.contains("flags=S"))
        });
    }
}

/// Has something happen to a cluster while one publishes and another listens: numbers never come twice or out of order,
/// what is missing is missing at a gap, and in the end everything is live. Returns how many gaps there were.
async fn disturbed(
    cluster: &Cluster,
    pubsub: PubSub<Dynamic>,
    publisher: PubSub<Dynamic>,
    disturb: impl AsyncFnOnce(),
) -> u32 {
    let subscription = pubsub.subscribe_to("load", "x").capacity(1 << 20).await.unwrap();
    let mut subscription = subscription.with_gaps();
    let mut kept = Vec::new();
    for id in 0..50 {
        kept.push(pubsub.subscribe_to("other", format!("{id}")).await.unwrap());
    }
    let end = Arc::new(AtomicBool::new(false));
    let (ended, other) = (end.clone(), publisher.clone());
    let publishing = tokio::spawn(async move {
        let (mut number, mut published) = (0u64, Vec::new());
        while !ended.load(Ordering::Relaxed) {
            number += 1;
            match other.publish("load", "x", json!(number)).await {
                Ok(_) => published.push(number),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        published
    });
    for number in 1..=200 {
        assert_eq!(next_seen(&mut subscription).await, Seen::Number(number));
    }
    disturb().await;
    cluster.wait_until_whole();
    let mut new = soon("a new topic", pubsub.subscribe_to("new", "x").into_future()).await.unwrap();
    soon("a publish succeeds", async { while publisher.publish("new", "x", json!(1)).await.is_err() {} })
        .await;
    next_number(&mut new).await;
    for subscription in &mut kept {
        let topic = subscription.interest().to_string();
        let id = topic.split_once(':').unwrap().1.to_owned();
        let arrives = async {
            loop {
                let _ = publisher.publish("other", &id, json!(1)).await;
                if tokio::time::timeout(Duration::from_millis(500), subscription.recv()).await.is_ok() {
                    return;
                }
            }
        };
        soon("each topic is live again", arrives).await;
    }
    end.store(true, Ordering::Relaxed);
    let published = publishing.await.unwrap();
    // Until it arrives: a loss that nobody has noticed yet is a loss too.
    let ending = tokio::spawn(async move {
        loop {
            let _ = publisher.publish("load", "x", json!(u64::MAX)).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let (mut last, mut gaps, mut gap) = (200, 0, false);
    loop {
        match next_seen(&mut subscription).await {
            Seen::Number(number) => {
                assert!(number > last, "{number} after {last}");
                // A publish that failed is no loss.
                let missed = |other: &&u64| **other > last && **other < number;
                let lost: Vec<_> = published.iter().filter(missed).collect();
                assert!(
                    gap || lost.is_empty(),
                    "{lost:?} are lost between {last} and {number} without a gap"
                );
                if number == u64::MAX {
                    break;
                }
                (last, gap) = (number, false);
            }
            Seen::Gap(seen) => {
                assert_eq!(seen.reason(), GapReason::Reconnected);
                gaps += 1;
                gap = true;
            }
        }
    }
    ending.abort();
    println!("{last} published, {gaps} gaps");
    gaps
}

/// An address of one node leads to all, also when that node has gone.
#[tokio::test(flavor = "multi_thread")]
async fn the_only_node_that_was_named_dies() {
    let cluster = Cluster::start();
    let named = &cluster.nodes()[0];
    let url = named.url().replacen("redis://", "redis-cluster://", 1);
    let target = RedisEventTarget::builder(url)
        .prefix("test:")
        .reconnect(Reconnect::default().longest(Duration::from_millis(300)));
    let pubsub = PubSub::<Dynamic>::new(target.connect().await.unwrap());
    let mut subscription = pubsub.subscribe_to("tick", "a").await.unwrap().with_gaps();
    named.kill();
    wait_for_state(&**pubsub.target(), ConnectionState::Reconnecting).await;
    wait_for_state(&**pubsub.target(), ConnectionState::Connected).await;
    cluster.wait_until_whole();
    assert!(matches!(next_seen(&mut subscription).await, Seen::Gap(_)));
    soon("a publish succeeds", async { while pubsub.publish("tick", "a", json!(1)).await.is_err() {} }).await;
    assert_eq!(next_seen(&mut subscription).await, Seen::Number(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_with_the_subscriptions_dies() {
    let cluster = Cluster::start();
    let (here, there) = (pubsub(&cluster.url()).await, pubsub(&cluster.url()).await);
    let gaps = disturbed(&cluster, here.clone(), there, async || {
        let holder = holder(&cluster).expect("somebody has them");
        cluster.nodes()[holder].kill();
        wait_for_state(&**here.target(), ConnectionState::Reconnecting).await;
        wait_for_state(&**here.target(), ConnectionState::Connected).await;
    })
    .await;
    assert!(gaps >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_with_the_subscriptions_hands_over_to_its_replica() {
    let cluster = Cluster::start();
    let (here, there) = (pubsub(&cluster.url()).await, pubsub(&cluster.url()).await);
    disturbed(&cluster, here, there, async || {
        let holder = holder(&cluster).expect("somebody has them");
        cluster.nodes()[holder + 3].tell(&["CLUSTER", "FAILOVER"]);
        wait_until("the replica is a master", || cluster.nodes()[holder + 3].is_master());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_slots_of_the_node_with_the_subscriptions_move() {
    let cluster = Cluster::start();
    let (here, there) = (pubsub(&cluster.url()).await, pubsub(&cluster.url()).await);
    disturbed(&cluster, here, there, async || {
        let holder = holder(&cluster).expect("somebody has them");
        cluster.move_all_slots(holder, (holder + 1) % 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sharded_channels_know_topics_only() {
    let cluster = Cluster::start();
    let (here, there) = (sharded(&cluster.url()).await, sharded(&cluster.url()).await);
    assert_eq!(here.subscribe("tick").await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(here.subscribe_all().await.unwrap_err().kind(), ErrorKind::Unsupported);
    let asked = (0..300).map(|id| here.subscribe_to("tick", format!("{id}")).into_future());
    let mut subscriptions =
        soon("all are confirmed", futures_util::future::try_join_all(asked)).await.unwrap();
    for (id, subscription) in (0u64..).zip(&mut subscriptions) {
        there.publish("tick", format!("{id}"), json!(id)).await.unwrap();
        assert_eq!(next_number(subscription).await, id);
    }
    drop(subscriptions);
    wait_until("nothing is subscribed to", || {
        cluster.nodes().iter().all(|node| node.command(&["PUBSUB", "SHARDCHANNELS"]).list().is_empty())
    });
    let single = Server::start(&[]);
    let refused = RedisEventTarget::builder(single.url()).sharded(true).connect().await.unwrap_err();
    assert_eq!(refused.kind(), alk_pubsub_redis::ErrorKind::Unsupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sharded_subscription_that_is_lost_with_its_slot_is_noticed() {
    let cluster = Cluster::start();
    let (here, there) = (sharded(&cluster.url()).await, sharded(&cluster.url()).await);
    let slot = cluster.nodes()[0].command(&["CLUSTER", "KEYSLOT", "test:load:x"]).number().unwrap();
    let gaps = disturbed(&cluster, here, there, async || {
        let slot = u16::try_from(slot).unwrap();
        let to = (cluster.owner(slot) + 1) % 3;
        cluster.move_slot(slot, to);
    })
    .await;
    assert!(gaps >= 1);
}
