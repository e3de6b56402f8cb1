//! The proxy does to connections what it says, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use alk_pubsub_testkit::{Balancer, FaultCounts, Kit, Proxy, Schedule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A server that answers with all it was sent, once it has all.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await?;
                stream.write_all(&all).await
            });
        }
    });
    address
}

/// Sends bytes, says that nothing follows, and returns all that comes back.
async fn ask(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn one_direction_may_end_before_the_other() {
    let server = server().await;
    let proxy = Proxy::start(server, Schedule::none()).await.expect("a port");
    let balancer = Balancer::start([server]).await.expect("a port");
    for address in [proxy.address(), balancer.address()] {
        let bytes = vec![7; 100_000];
        assert_eq!(Kit::within(ask(address, &bytes)).await.expect("an answer"), bytes);
    }
    assert_eq!(proxy.faults(), FaultCounts::default());
}

#[tokio::test]
async fn a_throttled_connection_takes_its_time() {
    let proxy = Proxy::start(server().await, Schedule::none()).await.expect("a port");
    proxy.throttle(100_000);
    let begun = Instant::now();
    let bytes = vec![7; 10_000];
    assert_eq!(Kit::within(ask(proxy.address(), &bytes)).await.expect("an answer"), bytes);
    // There and back.
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    proxy.throttle(0);
    let many = vec![7; 1 << 20];
    assert_eq!(Kit::within(ask(proxy.address(), &many)).await.expect("an answer"), many);
}

/// Passes bytes through connections until there was enough of what is asked for.
async fn until_seen(schedule: Schedule, enough: impl Fn(FaultCounts) -> bool) -> (FaultCounts, usize) {
    let proxy = Proxy::start(server().await, schedule).await.expect("a port");
    let (mut changed, bytes) = (0, vec![7; 2000]);
    while !enough(proxy.faults()) {
        // One that stalls says nothing.
        let answer = tokio::time::timeout(Duration::from_millis(50), ask(proxy.address(), &bytes)).await;
        if let Ok(Ok(answer)) = answer {
            changed += answer.iter().filter(|byte| **byte != 7).count();
        }
    }
    let counts = proxy.faults();
    proxy.heal();
    assert_eq!(Kit::within(ask(proxy.address(), &bytes)).await.expect("an answer"), bytes, "it has healed");
    (counts, changed)
}

#[tokio::test]
async fn bytes_are_garbled_and_connections_throttled_where_that_is_asked_for() {
    let every = Schedule::random(1, 500, Duration::from_micros(1));
    let (counts, changed) = Kit::within(until_seen(every, |counts| counts.halves > 5)).await;
    assert_eq!((counts.garbles, counts.throttles, changed), (0, 0, 0));
    let with_all = every.garbles().throttles(1 << 20);
    let (counts, changed) =
        Kit::within(until_seen(with_all, |counts| counts.garbles > 20 && counts.throttles > 20)).await;
    assert!(changed > 0 && changed as u64 <= counts.garbles, "{counts:?}: {changed}");
    assert!(counts.cuts > 0 && counts.halves > 0 && counts.stalls > 0 && counts.delays > 0, "{counts:?}");
}
