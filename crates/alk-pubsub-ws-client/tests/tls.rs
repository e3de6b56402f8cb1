//! `wss://` with a certificate authority of one's own.

#![cfg(feature = "tls")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use alk_pubsub_core::{Dynamic, PubSub};
use alk_pubsub_ws_client::{ErrorKind, WsClientEventTarget};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use support::{Hub, in_time, next};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// TLS for a server of this name.
    fn server(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .expect("a pair");
        TlsAcceptor::from(Arc::new(config))
    }

    fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

/// TLS in front of a hub, as a proxy does it.
async fn terminate(hub: SocketAddr, acceptor: TlsAcceptor) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut hub = TcpStream::connect(hub).await.expect("the hub");
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut hub).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_that_is_said() {
    let (hub, authority) = (Hub::start(), Authority::new());
    for (name, host) in [("localhost", "localhost"), ("127.0.0.1", "127.0.0.1")] {
        let port = terminate(hub.address, authority.server(name)).await;
        let target =
            WsClientEventTarget::builder(format!("wss://{host}:{port}/ws")).tls_config(authority.client());
        let target = in_time("connected", target.connect()).await.expect("connected");
        let spoke = PubSub::<Dynamic>::new(target);
        let mut own = spoke.subscribe("a").await.expect("granted");
        spoke.publish("a", "", json!(name)).await.expect("published");
        assert_eq!(next(&mut own).await, json!(name));
        spoke.close().await.expect("closed");
    }
}

#[tokio::test]
async fn another_name_and_an_unknown_authority_are_refused() {
    let (hub, authority) = (Hub::start(), Authority::new());
    let wrong_name = terminate(hub.address, authority.server("hub.example")).await;
    let right_name = terminate(hub.address, authority.server("localhost")).await;
    let cases = [
        (wrong_name, Some(authority.client()), &["NotValidForName"][..]),
        // Authorities of one name: whether the name or the signature is looked at first is for rustls to decide.
        (right_name, Some(Authority::new().client()), &["BadSignature", "UnknownIssuer"]),
        (right_name, None, &["UnknownIssuer"]),
    ];
    for (port, config, causes) in cases {
        let of_the_platform = config.is_none();
        let mut target = WsClientEventTarget::builder(format!("wss://localhost:{port}/ws"));
        if let Some(config) = config {
            target = target.tls_config(config);
        }
        let error = in_time("refused", target.connect()).await.expect_err("refused");
        if of_the_platform && error.kind() == ErrorKind::Config {
            println!("not applicable: {error}");
            continue;
        }
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Untrusted, false), "{error:?}");
        let shown = format!("{error:?}");
        assert!(causes.iter().any(|cause| shown.contains(cause)), "{causes:?}: {shown}");
    }
    assert!(hub.server.ws_stats().opened == 0);
}

#[tokio::test]
async fn a_server_without_tls_is_no_hub_with_tls_and_the_other_way_round() {
    let (hub, authority) = (Hub::start(), Authority::new());
    let port = hub.address.port();
    let target =
        WsClientEventTarget::builder(format!("wss://localhost:{port}/ws")).tls_config(authority.client());
    in_time("an error", target.connect()).await.expect_err("no TLS there");
    let port = terminate(hub.address, authority.server("localhost")).await;
    in_time("an error", WsClientEventTarget::connect(format!("ws://localhost:{port}/ws")))
        .await
        .expect_err("TLS there");
}
