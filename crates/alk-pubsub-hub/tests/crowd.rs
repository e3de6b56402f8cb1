//! What a connection that does nothing costs the hub, and how long events take meanwhile to those that listen.
//!
//! ALK_CROWD says how many there are, for a number worth telling:
//! `ALK_CROWD=10000 cargo test --release -p alk-pubsub-hub --test crowd -- --nocapture --test-threads 1`

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is for people")]
#![cfg(target_os = "linux")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rcgen::{CertificateParams, KeyPair};
use support::{Folder, Hub, PATIENCE, private_file};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// How many of them listen.
const LISTENERS: usize = 100;
/// How many events are published, and how many in a second.
const EVENTS: u64 = 10_000;
const RATE: u64 = 1000;
/// How many are being connected at once.
const AT_ONCE: usize = 50;
/// What an idle connection may cost; in a build without optimisations, too.
const MOST_BYTES: usize = 12 << 10;
/// And what one with TLS.
const MOST_BYTES_TLS: usize = 40 << 10;

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

type Socket = WebSocketStream<Box<dyn Io>>;

/// How the hub is reached.
#[derive(Clone)]
struct Way {
    hub: SocketAddr,
    tls: Option<TlsConnector>,
}

/// A WebSocket of little memory, from one of several addresses of this machine: each has only so many ports.
async fn connect(Way { hub, tls }: Way, number: usize) -> Socket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("127.0.0.{}:0", 1 + number % 4).parse().unwrap()).unwrap();
    let stream = timeout(PATIENCE, socket.connect(hub)).await.unwrap().unwrap();
    stream.set_nodelay(true).unwrap();
    let stream: Box<dyn Io> = match tls {
        None => Box::new(stream),
        Some(tls) => {
            let shaking = tls.connect(ServerName::try_from("localhost").unwrap(), stream);
            Box::new(timeout(PATIENCE, shaking).await.unwrap().unwrap())
        }
    };
    let config = WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(0);
    let connecting = client_async_with_config(format!("ws://{hub}/ws"), stream, Some(config));
    let (mut socket, _) = timeout(PATIENCE, connecting).await.unwrap().unwrap();
    let welcome = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(welcome.to_text().unwrap().contains("__welcome"));
    socket
}

/// So many connections.
async fn connect_all(way: &Way, numbers: std::ops::Range<usize>) -> Vec<Socket> {
    let mut sockets = Vec::with_capacity(numbers.len());
    let mut connecting = JoinSet::new();
    for number in numbers {
        if connecting.len() == AT_ONCE {
            sockets.push(connecting.join_next().await.unwrap().unwrap());
        }
        connecting.spawn(connect(way.clone(), number));
    }
    sockets.extend(connecting.join_all().await);
    sockets
}

/// Listens until the last event, and returns how long each took, in microseconds; `None` where some are missing.
async fn listen(mut socket: Socket, start: Instant) -> Option<Vec<u64>> {
    let mut took = Vec::with_capacity(EVENTS as usize);
    while took.len() < EVENTS as usize {
        let message = timeout(PATIENCE, socket.next()).await.ok()??.ok()?;
        let Message::Text(text) = message else { continue };
        // The time at which it was published is all that is in it.
        let published = text.rsplit_once(':')?.1.trim_end_matches('}').parse::<u64>().ok()?;
        took.push((start.elapsed().as_micros() as u64).saturating_sub(published));
    }
    Some(took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_does_nothing_and_some_that_listen() {
    crowd_at(&[], None, MOST_BYTES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_over_tls() {
    let folder = Folder::new();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate_file = folder.join("cert.pem").to_str().unwrap().to_owned();
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    let key_file = private_file(&folder.join("key.pem"), key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let flags = ["--tls-cert", &certificate_file, "--tls-key", &key_file];
    crowd_at(&flags, Some(Arc::new(config).into()), MOST_BYTES_TLS).await;
}

async fn crowd_at(flags: &[&str], tls: Option<TlsConnector>, most_bytes: usize) {
    let over = if tls.is_some() { " over TLS" } else { "" };
    let crowd: usize = std::env::var("ALK_CROWD").map_or(500, |number| number.parse().unwrap());
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(files as usize > crowd + 200, "{files} descriptors");
    let most = (crowd + 200).to_string();
    let flags = [&["--max-connections", &most, "--max-connections-per-address", &most], flags].concat();
    let hub = Hub::start(&flags).await;
    let way = Way { hub: hub.address, tls };
    let process = hub.process();
    let resident = || process.memory("VmRSS:").unwrap();

    // What is made once is made before.
    let files = process.files();
    drop(connect_all(&way, 0..50).await);
    let gone = async {
        while process.files() > files {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("they go");
    let before = resident();
    // Each has its `__welcome`.
    let sockets = connect_all(&way, 0..crowd).await;
    let each = resident().saturating_sub(before) / crowd;

    let mut listeners: Vec<Socket> = sockets;
    let idle = listeners.split_off(LISTENERS.min(crowd));
    for socket in &mut listeners {
        let subscribe = "{\"type\":\"__subscribe\",\"id\":\"s\",\"payload\":{\"topics\":[\"tick\"]}}";
        socket.send(Message::text(subscribe)).await.unwrap();
        let answer = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        assert!(answer.to_text().unwrap().contains("__subscribed"));
    }
    // They answer pings and nothing else.
    let mut waiting = JoinSet::new();
    for mut socket in idle {
        waiting.spawn(async move { while let Some(Ok(_)) = socket.next().await {} });
    }
    let start = Instant::now();
    let number = listeners.len();
    let mut listening = JoinSet::new();
    for socket in listeners {
        listening.spawn(listen(socket, start));
    }
    let mut publisher = connect(way, 0).await;
    let mut often = interval(Duration::from_micros(1_000_000 / RATE));
    // Those who publish do not wait for a machine that is busy: what comes late is made up for.
    often.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..EVENTS {
        often.tick().await;
        let now = start.elapsed().as_micros();
        publisher
            .send(Message::text(format!("{{\"type\":\"tick\",\"id\":\"\",\"payload\":{now}}}")))
            .await
            .unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    let rate = EVENTS as f64 / seconds;
    let mut took = Vec::new();
    for listener in listening.join_all().await {
        took.extend(listener.expect("every event reaches every listener"));
    }
    took.sort_unstable();
    let busy = resident().saturating_sub(before) / crowd;
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    println!(
        "{crowd} connections{over}: {each} bytes resident each; {busy} after {EVENTS} events to {number} of them, {:.0}/s each; \
         p50 {:.2} ms, p99 {:.2} ms, longest {:.1} ms; load of the machine {}",
        rate,
        at(0.50),
        at(0.99),
        at(1.0),
        load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
    );
    // Where the numbers are worth telling, it is to be what they were measured at.
    let is_measured = std::env::var_os("ALK_CROWD").is_some();
    assert!(!is_measured || rate >= 0.95 * RATE as f64, "{rate} events in a second, not {RATE}");
    assert_eq!(waiting.len(), crowd - number);
    assert!(waiting.try_join_next().is_none(), "the idle ones are still there");
    assert!(each <= most_bytes, "{each} bytes for each");
}
