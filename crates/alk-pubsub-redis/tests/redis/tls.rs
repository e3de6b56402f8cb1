//! TLS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alk_pubsub_core::{Dynamic, PubSub};
use alk_pubsub_redis::{Error, ErrorKind, RedisEventTarget};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;

use super::support::next_number;
use alk_pubsub_testkit::redis::{Authority, Server, TlsServer};

pub(crate) fn trusting(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

async fn connect(url: String, authority: &Authority) -> Result<RedisEventTarget, Error> {
    RedisEventTarget::builder(url)
        .tls(trusting(authority))
        .connect_timeout(Duration::from_secs(20))
        .connect()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_travel_over_tls() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority);
    for host in ["localhost", "127.0.0.1"] {
        let target = connect(format!("rediss://{host}:{}", server.port()), &authority).await.unwrap();
        let pubsub = PubSub::<Dynamic>::new(target);
        let mut ticks = pubsub.subscribe("tick").await.unwrap();
        pubsub.publish("tick", "a", json!(1)).await.unwrap();
        assert_eq!(next_number(&mut ticks).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_an_error_at_once() {
    let server = TlsServer::start(&Authority::new());
    let begun = Instant::now();
    let error = connect(server.url(), &Authority::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
    assert!(!error.is_retryable());
    assert!(begun.elapsed() < Duration::from_secs(15));
    // What the system trusts does not include it either.
    let error = RedisEventTarget::builder(server.url()).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_a_server_that_has_none_and_the_other_way_round_are_errors() {
    let authority = Authority::new();
    let plain = Server::start(&[]);
    let error = connect(plain.url().replace("redis:", "rediss:"), &authority).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Tls), "{error:?}");
    let server = TlsServer::start(&authority);
    let url = format!("redis://127.0.0.1:{}", server.port());
    let error =
        RedisEventTarget::builder(url).connect_timeout(Duration::from_secs(2)).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert!(std::error::Error::source(&error).is_some(), "with what happened last");
}
