//! A hub with a certificate of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::{Folder, Hub, PATIENCE, command, program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Leaves a certificate for `localhost` and its key in the folder.
    fn sign(&self, folder: &Path) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    }

    /// A connection that trusts what this authority has signed and nothing else.
    async fn connect(&self, hub: &Hub) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = TcpStream::connect(hub.address).await?;
        let connecting =
            TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream);
        timeout(PATIENCE, connecting).await.expect("a handshake in time")
    }
}

fn flags(folder: &Folder) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec!["--tls-cert".to_owned(), file("cert.pem"), "--tls-key".to_owned(), file("key.pem")]
}

async fn hub(folder: &Folder, more: &[&str]) -> Hub {
    let flags = flags(folder);
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Hub::start(&flags).await
}

/// What is at a path, by a connection of its own.
async fn get(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn http_websockets_and_the_command_line_over_tls() {
    let (folder, authority) = (Folder::new(), Authority::new());
    authority.sign(&folder);
    std::fs::write(folder.join("authority.pem"), authority.certificate.pem()).unwrap();
    let hub = hub(&folder, &[]).await;
    assert!(hub.banner.contains("curl -N 'https://"), "{}", hub.banner);
    let mut stream = authority.connect(&hub).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(get(&mut stream, "/healthz").await.ends_with("\r\n\r\nok\n"));

    let stream = authority.connect(&hub).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://localhost/ws", stream).await.unwrap();
    let welcome = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(welcome.to_text().unwrap().contains("__welcome"));

    let url = format!("wss://localhost:{}/ws", hub.address.port());
    let with_authority = |arguments: &[&str]| {
        let mut command = program(arguments);
        command.env("SSL_CERT_FILE", folder.join("authority.pem")).args(["--hub", &url]);
        command.spawn().unwrap()
    };
    let listening = with_authority(&["sub", "greeting", "--count", "1"]);
    let subscribed = async {
        while !get(&mut authority.connect(&hub).await.unwrap(), "/stats").await.contains("\"subscribers\":1,")
        {
        }
    };
    timeout(PATIENCE, subscribed).await.unwrap();
    let authorities = folder.join("authority.pem").display().to_string();
    support::run(&["pub", "greeting", "world", "1", "--hub", &url, "--ca-file", &authorities]).await.fine();
    let event = support::ended(listening).await.fine();
    assert_eq!(event, "{\"type\":\"greeting\",\"id\":\"world\",\"payload\":1}\n");
    // Without the authority nobody is talked to.
    let done = support::run(&["pub", "greeting", "world", "1", "--hub", &url]).await;
    assert!(done.code == Some(1) && done.stderr.contains("--ca-file"), "{done:?}");
    for (file, code) in [(folder.join("none.pem"), 2), (folder.join("key.pem"), 2)] {
        let file = file.display().to_string();
        let done = support::run(&["sub", "greeting", "--hub", &url, "--ca-file", &file]).await;
        assert!(
            done.code == Some(code) && done.stderr.contains("certificate") | done.stderr.contains(&file),
            "{done:?}"
        );
    }
}

#[tokio::test]
async fn a_new_certificate_is_used_from_the_signal_on_and_a_bad_one_never() {
    let (folder, old, new) = (Folder::new(), Authority::new(), Authority::new());
    old.sign(&folder);
    let hub = hub(&folder, &[]).await;
    let mut before = old.connect(&hub).await.unwrap();
    new.sign(&folder);
    assert!(old.connect(&hub).await.is_ok(), "not before it is told");
    hub.signal("HUP").await;
    let replaced = async { while new.connect(&hub).await.is_err() {} };
    timeout(PATIENCE, replaced).await.expect("the new one is used");
    assert!(old.connect(&hub).await.is_err());
    assert!(get(&mut before, "/healthz").await.ends_with("ok\n"), "what was connected stays");

    // Half a deployment: a new certificate with the key of the one before.
    let key = std::fs::read(folder.join("key.pem")).unwrap();
    old.sign(&folder);
    std::fs::write(folder.join("key.pem"), key).unwrap();
    let mut log = hub.log();
    hub.signal("HUP").await;
    let line = log.line_with("stays as it was").await;
    assert!(line.contains("is not that of"), "{line}");
    assert!(new.connect(&hub).await.is_ok() && old.connect(&hub).await.is_err());
}

#[tokio::test]
async fn without_a_certificate_a_hang_up_is_no_reason_to_end() {
    let hub = Hub::start(&[]).await;
    let mut log = hub.log();
    hub.signal("HUP").await;
    log.line_with("SIGHUP").await;
    assert_eq!(hub.get("/healthz").await.0.status, 200);
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let (folder, authority) = (Folder::new(), Authority::new());
    authority.sign(&folder);
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let other = KeyPair::generate().unwrap().serialize_pem();
    let good = (std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap());
    let garbled = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (file, content, hint) in [
        (&key, Some(other.as_str()), "is not that of"),
        (&key, Some("nothing"), "there is no private key in"),
        (&key, None, "cannot read the private key"),
        (&certificate, Some(""), "there is no certificate in"),
        (&certificate, Some(garbled), "is no proper PEM"),
        (&certificate, Some(wrong), "cannot be used"),
        (&certificate, None, "cannot read the certificate"),
    ] {
        match content {
            Some(content) => std::fs::write(file, content).unwrap(),
            None => std::fs::remove_file(file).unwrap(),
        }
        let flags = flags(&folder);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let output = timeout(PATIENCE, command(&flags).output()).await.unwrap().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(hint) && message.contains(file.to_str().unwrap()), "{message}");
        std::fs::write(&certificate, &good.0).unwrap();
        std::fs::write(&key, &good.1).unwrap();
    }
}

#[tokio::test]
async fn no_handshake_half_a_handshake_and_no_tls_at_all() {
    let (folder, authority) = (Folder::new(), Authority::new());
    authority.sign(&folder);
    let mut hub = hub(&folder, &["--handshake-timeout", "1s"]).await;
    let mut clients = Vec::new();
    for bytes in [&b""[..], &[22, 3, 1, 2, 0, 1], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut client = hub.connect().await;
        client.send(bytes).await;
        clients.push(client);
    }
    for mut client in clients {
        // Some are told why before.
        while !client.is_closed().await {}
    }
    let counted = async {
        let line = "reason=\"tls_handshake\"} 3";
        while !get(&mut authority.connect(&hub).await.unwrap(), "/metrics").await.contains(line) {}
    };
    timeout(PATIENCE, counted).await.expect("each is counted");
    // One that is in the middle of it does not hold up the end.
    let _silent = hub.connect().await;
    hub.signal("TERM").await;
    assert_eq!(hub.ended(Duration::from_secs(30)).await.code(), Some(0));
}
