//! What the driver relies on of fred 10.1.0. A new version is to be looked at where one of these fails.

use std::time::Duration;

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientInterface, ClientLike, EventInterface, PubsubInterface};
use fred::types::config::{Config, ConnectionConfig, Options, PerformanceConfig};
use fred::types::{MessageKind, RespVersion};
use tokio::sync::broadcast::error::RecvError;

use super::support::soon;
use alk_pubsub_testkit::redis::{Server, wait_until};

fn client(server: &Server, capacity: usize) -> Client {
    let mut config = Config::from_url(&server.url()).unwrap();
    config.version = RespVersion::RESP3;
    let performance =
        PerformanceConfig { broadcast_channel_capacity: capacity, ..PerformanceConfig::default() };
    let connection = ConnectionConfig { max_command_attempts: 1, ..ConnectionConfig::default() };
    Client::new(config, Some(performance), Some(connection), None)
}

fn kill_clients(server: &Server) {
    let _ = server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let _ = server.command(&["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_reconnect_policy_the_task_ends_with_the_connection() {
    let server = Server::start(&[]);
    for subscribed in [false, true] {
        let client = client(&server, 32);
        let task = client.init().await.unwrap();
        if subscribed {
            client.subscribe("a").await.unwrap();
            client.ping::<String>(None).await.unwrap();
        }
        kill_clients(&server);
        soon("the task ends", task).await.unwrap().unwrap_err();
    }
    let client = client(&server, 32);
    let task = client.init().await.unwrap();
    server.kill();
    soon("the task ends", task).await.unwrap().unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_client_leaves_the_connection_and_aborting_the_task_closes_it() {
    let server = Server::start(&[]);
    let client = client(&server, 32);
    let task = client.init().await.unwrap();
    client.ping::<String>(None).await.unwrap();
    drop(client);
    tokio::task::yield_now().await;
    assert_eq!(server.clients().len(), 1);
    task.abort();
    wait_until("the connection is closed", || server.clients().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_came_before_the_loss_can_still_be_received() {
    let server = Server::start(&[]);
    let client = client(&server, 1024);
    let mut messages = client.message_rx();
    let task = client.init().await.unwrap();
    client.subscribe("a").await.unwrap();
    client.ping::<String>(None).await.unwrap();
    for _ in 0..100 {
        assert_eq!(server.command(&["PUBLISH", "a", "x"]).number(), Some(1));
    }
    kill_clients(&server);
    soon("the task ends", task).await.unwrap().unwrap_err();
    for _ in 0..100 {
        messages.try_recv().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_beyond_the_capacity_are_counted_exactly() {
    let server = Server::start(&[]);
    let client = client(&server, 16);
    let mut messages = client.message_rx();
    let _task = client.init().await.unwrap();
    client.subscribe("a").await.unwrap();
    client.ping::<String>(None).await.unwrap();
    for _ in 0..100 {
        server.tell(&["PUBLISH", "a", "x"]);
    }
    // All of them are read before the answer to this.
    client.ping::<String>(None).await.unwrap();
    assert_eq!(messages.recv().await.unwrap_err(), RecvError::Lagged(84));
    for _ in 0..16 {
        messages.try_recv().unwrap();
    }
    messages.try_recv().unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_one_publish_follow_each_other_and_the_one_of_the_channel_comes_first() {
    let server = Server::start(&[]);
    let client = client(&server, 1024);
    let mut messages = client.message_rx();
    let _task = client.init().await.unwrap();
    client.psubscribe("a*").await.unwrap();
    client.subscribe("ab").await.unwrap();
    client.ping::<String>(None).await.unwrap();
    for number in 0..100 {
        server.tell(&["PUBLISH", "ab", &i32::to_string(&number)]);
    }
    for number in 0..100 {
        for kind in [MessageKind::Message, MessageKind::PMessage] {
            let message = soon("a message", messages.recv()).await.unwrap();
            assert_eq!((message.kind, message.value.as_i64()), (kind, Some(number)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_info_counts_what_was_subscribed_to_before_it() {
    let server = Server::start(&[]);
    let client = client(&server, 32);
    let _task = client.init().await.unwrap();
    for number in 1..=200 {
        client.subscribe(format!("c{number}")).await.unwrap();
        let info: String = client.client_info().await.unwrap();
        assert!(info.contains(&format!(" sub={number} ")), "{info}");
    }
    client.unsubscribe(vec!["c1".to_owned(), "c2".to_owned()]).await.unwrap();
    let info: String = client.client_info().await.unwrap();
    assert!(info.contains(" sub=198 "), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_subscribe_looks_granted_and_the_connection_lives_on() {
    let server = Server::start(&[]);
    server.tell(&["ACL", "SETUSER", "app", "on", ">secret", "+@all", "resetchannels", "&open"]);
    let mut config = Config::from_url(&server.url()).unwrap();
    (config.username, config.password) = (Some("app".to_owned()), Some("secret".to_owned()));
    config.version = RespVersion::RESP3;
    let client = Client::new(config, None, None, None);
    let _task = client.init().await.unwrap();
    client.subscribe("shut").await.unwrap();
    let counted = async {
        loop {
            // The refusal may come as the answer to this.
            let info: Result<String, Error> = client.client_info().await;
            if let Ok(info) = info {
                assert!(info.contains(" sub=0 "), "{info}");
                return;
            }
        }
    };
    soon("the count", counted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_to_a_server_that_hangs_ends_after_its_timeout() {
    let server = Server::start(&[]);
    let client = client(&server, 32);
    let _task = client.init().await.unwrap();
    server.pause();
    let options =
        Options { timeout: Some(Duration::from_millis(100)), fail_fast: true, ..Options::default() };
    let publish = client.with_options(&options);
    let answer: Result<u64, Error> = soon("it ends", publish.publish("a", "x")).await;
    assert_eq!(answer.unwrap_err().kind(), &fred::error::ErrorKind::Timeout);
    server.resume();
}
