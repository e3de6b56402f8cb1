//! Connections that come to nothing, and too many of them.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use crate::harness::{Attack, By, MIB, UPGRADE, row};
use crate::support::{Client, Folder, Hub};

const SOON: Duration = Duration::from_secs(20);

/// So many connections that send this and then wait for what happens. They stay open on this side.
async fn open_and_wait(attack: &Attack, number: usize, bytes: impl AsRef<[u8]>) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..number {
        let mut client = attack.hub.connect().await;
        client.send(&bytes).await;
        clients.push(client);
    }
    attack.has_sent_all();
    for client in &mut clients {
        while !client.is_closed().await {}
    }
    clients
}

#[tokio::test]
async fn connections_that_say_nothing() {
    let attack = Attack::on("half handshake: TCP and nothing more", &["--handshake-timeout", "2s"]).await;
    let clients = open_and_wait(&attack, 500, "").await;
    attack.over(clients.len(), By::Hub, 16 * MIB, SOON).await;
}

#[tokio::test]
async fn upgrades_without_their_last_line() {
    let attack = Attack::on("half handshake: HTTP upgrade", &["--handshake-timeout", "2s"]).await;
    let half = format!("GET /ws HTTP/1.1\r\nHost: {}\r\n{UPGRADE}", attack.hub.address);
    let clients = open_and_wait(&attack, 500, half).await;
    attack.over(clients.len(), By::Hub, 24 * MIB, SOON).await;
}

#[tokio::test]
async fn tls_handshakes_without_their_end() {
    let folder = Folder::new();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (certificate_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let hub = Hub::start(&[
        "--tls-cert",
        certificate_file.to_str().unwrap(),
        "--tls-key",
        key_file.to_str().unwrap(),
        "--handshake-timeout",
        "2s",
    ])
    .await;
    // A record of a handshake that is announced as long as it may be, of which little comes.
    let mut hello = vec![22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3];
    hello.extend([7; 1000]);
    let process = hub.process();
    process.forget_peak();
    let (files, memory, began) = (process.files(), process.peak(), tokio::time::Instant::now());
    let mut clients = Vec::new();
    for _ in 0..500 {
        let mut client = hub.connect().await;
        client.send(&hello).await;
        clients.push(client);
    }
    let last_byte = tokio::time::Instant::now();
    for client in &mut clients {
        while !client.is_closed().await {}
    }
    assert!(process.files() <= files);
    let (memory, time) = (process.peak().saturating_sub(memory), began.elapsed());
    row("half handshake: TLS", clients.len(), memory, By::Hub, time, last_byte.elapsed());
    assert!(memory < 24 * MIB && time < SOON, "{memory} bytes, {time:?}");
}

#[tokio::test]
async fn heads_that_come_byte_by_byte() {
    let attack = Attack::on("slowloris: a byte of the head at a time", &["--handshake-timeout", "2s"]).await;
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(attack.hub.connect().await);
    }
    // Round and round, a byte each, until the hub has had enough of all of them.
    let mut head = b"GET /ws HTTP/1.1\r\nHost: x\r\nA: ".iter().chain(std::iter::repeat(&b'x'));
    let mut often = tokio::time::interval(Duration::from_millis(1));
    let mut open: Vec<usize> = (0..clients.len()).collect();
    while !open.is_empty() {
        often.tick().await;
        let byte = [*head.next().expect("it has no end")];
        for index in std::mem::take(&mut open) {
            let stream = &mut clients[index].stream;
            let ended =
                matches!(stream.try_read(&mut [0; 512]), Ok(0)) || stream.write_all(&byte).await.is_err();
            if !ended {
                open.push(index);
            }
        }
    }
    attack.over(clients.len(), By::Hub, 24 * MIB, SOON).await;
}

#[tokio::test]
async fn more_connections_than_one_address_may_have() {
    let attack =
        Attack::on("connection flood from one address", &["--max-connections-per-address", "50"]).await;
    let mut clients = Vec::new();
    let mut refused = 0;
    for _ in 0..3000 {
        let mut client = attack.hub.connect().await;
        if clients.len() < 49 {
            // These it may have, for as long as it likes.
            client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
            assert_eq!(client.head().await.status, 200);
            clients.push(client);
        } else {
            assert_eq!(client.head().await.status, 503);
            while !client.is_closed().await {}
            refused += 1;
        }
    }
    drop(clients);
    attack.over(refused, By::Attacker, 16 * MIB, SOON).await;
}

#[tokio::test]
async fn connections_that_come_and_go() {
    let attack = Attack::on("WebSockets that are broken off at once", &[]).await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let address = attack.hub.address;
        tasks.spawn(async move {
            for _ in 0..250 {
                let mut client = Client::new(tokio::net::TcpStream::connect(address).await.unwrap());
                client.send(format!("GET /ws HTTP/1.1\r\nHost: {address}\r\n{UPGRADE}\r\n")).await;
            }
        });
    }
    tasks.join_all().await;
    attack.over(2000, By::Attacker, 32 * MIB, SOON).await;
}
