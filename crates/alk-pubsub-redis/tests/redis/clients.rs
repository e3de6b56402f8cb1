//! fred clients that somebody brings, and sockets.

use alk_pubsub_core::{Dynamic, PubSub};
use alk_pubsub_redis::{ErrorKind, RedisEventTarget};
use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::RespVersion;
use fred::types::config::{Config, ConnectionConfig, ReconnectPolicy};
use serde_json::json;

use super::support::next_number;
use alk_pubsub_testkit::redis::{Server, wait_until};

fn client(
    server: &Server,
    change: impl FnOnce(&mut Config, &mut ConnectionConfig, &mut Option<ReconnectPolicy>),
) -> Client {
    let mut config = Config::from_url(&server.url()).unwrap();
    config.version = RespVersion::RESP3;
    let mut connection = ConnectionConfig { max_command_attempts: 1, ..ConnectionConfig::default() };
    let mut policy = Some(ReconnectPolicy::new_exponential(0, 20, 300, 2));
    change(&mut config, &mut connection, &mut policy);
    Client::new(config, None, Some(connection), policy)
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_somebody_brings_are_used_and_the_publishing_one_is_left_to_its_owner() {
    let server = Server::start(&[]);
    let publish = client(&server, |_, _, _| {});
    let task = publish.init().await.unwrap();
    let subscribe = client(&server, |_, _, _| {});
    let target =
        RedisEventTarget::from_clients(publish.clone(), subscribe).prefix("test:").connect().await.unwrap();
    let pubsub = PubSub::<Dynamic>::new(target);
    let mut ticks = pubsub.subscribe("tick").await.unwrap();
    pubsub.publish("tick", "a", json!(1)).await.unwrap();
    assert_eq!(next_number(&mut ticks).await, 1);
    assert_eq!(server.clients().len(), 2);
    drop((ticks, pubsub));
    wait_until("only the client that was brought is left", || server.clients().len() == 1);
    publish.ping::<String>(None).await.unwrap();
    publish.quit().await.unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_would_misbehave_is_refused_and_the_setting_named() {
    let server = Server::start(&[]);
    let good = || client(&server, |_, _, _| {});
    let cases = [
        (client(&server, |_, _, policy| *policy = None), good(), "reconnect policy"),
        (
            client(&server, |_, connection, _| connection.max_command_attempts = 3),
            good(),
            "`max_command_attempts`",
        ),
        (
            client(&server, |_, connection, _| connection.max_command_buffer_len = 10),
            good(),
            "`max_command_buffer_len`",
        ),
        (good(), client(&server, |config, _, _| config.version = RespVersion::RESP2), "`version`"),
        (good(), client(&server, |config, _, _| config.fail_fast = false), "`fail_fast`"),
    ];
    for (publish, subscribe, named) in cases {
        let error = RedisEventTarget::from_clients(publish, subscribe).connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(named), "{error}");
    }
}
