//! A master that is watched.

use alk_pubsub_core::{ConnectionState, GapReason};
use serde_json::json;

use super::support::{Seen, next_seen, pubsub, soon, wait_for_state};
use alk_pubsub_testkit::redis::{Sentinel, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_followed() {
    let servers = Sentinel::start();
    let (here, there) = (pubsub(&servers.url()).await, pubsub(&servers.url()).await);
    let mut subscription = here.subscribe("tick").await.unwrap().with_gaps();
    there.publish("tick", "a", json!(1)).await.unwrap();
    assert_eq!(next_seen(&mut subscription).await, Seen::Number(1));
    servers.master.kill();
    for pubsub in [&here, &there] {
        wait_for_state(&**pubsub.target(), ConnectionState::Reconnecting).await;
    }
    wait_until("the replica is the master", || servers.replica.is_master());
    for pubsub in [&here, &there] {
        wait_for_state(&**pubsub.target(), ConnectionState::Connected).await;
    }
    soon("a publish succeeds", async { while there.publish("tick", "a", json!(2)).await.is_err() {} }).await;
    let Seen::Gap(gap) = next_seen(&mut subscription).await else { panic!("the gap comes first") };
    assert_eq!(gap.reason(), GapReason::Reconnected);
    assert_eq!(next_seen(&mut subscription).await, Seen::Number(2));
}
