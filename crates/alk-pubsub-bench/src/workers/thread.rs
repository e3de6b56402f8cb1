use std::sync::Arc;
use std::time::{Duration, Instant};

use alk_pubsub_core::{Bounds, Error, Overflow, PubSub, event_map};
use alk_pubsub_worker::{WorkerThreadEventTarget, spawn};
use tokio::sync::{mpsc, oneshot};

/// How many events may wait.
const QUEUE: usize = 1024;

event_map! { struct Events { Ping("ping") => u64, Pong("pong") => u64 } }

/// What goes through a plain channel.
pub(super) trait Carried: Send + 'static {
    fn of(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Carried for u64 {
    fn of(number: u64) -> Self {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}

/// As events are carried that have more than one receiver.
impl Carried for Arc<u64> {
    fn of(number: u64) -> Self {
        Arc::new(number)
    }

    fn number(&self) -> u64 {
        **self
    }
}

/// A thread with a runtime of its own and a pair of bounded channels.
fn plain<T, F>(main: impl FnOnce(mpsc::Receiver<T>, mpsc::Sender<T>) -> F + Send + 'static) -> Plain<T>
where
    T: Carried,
    F: Future<Output = ()>,
{
    let (up, from_up) = mpsc::channel(QUEUE);
    let (down, from_down) = mpsc::channel(QUEUE);
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(main(from_up, down));
        let _ = ended.send(());
    });
    Plain { up, down: from_down, end }
}

struct Plain<T> {
    up: mpsc::Sender<T>,
    down: mpsc::Receiver<T>,
    end: oneshot::Receiver<()>,
}

impl<T> Plain<T> {
    async fn end(self) {
        drop((self.up, self.down));
        self.end.await.unwrap();
    }
}

pub(super) async fn plain_pings<T: Carried>(count: u64) -> Duration {
    let mut worker = plain::<T, _>(async |mut pings, pongs| {
        while let Some(ping) = pings.recv().await {
            pongs.send(ping).await.unwrap();
        }
    });
    let start = Instant::now();
    for ping in 0..count {
        worker.up.send(T::of(ping)).await.unwrap();
        assert_eq!(worker.down.recv().await.unwrap().number(), ping);
    }
    let took = start.elapsed();
    worker.end().await;
    took
}

pub(super) async fn pings(count: u64) -> Duration {
    let (host, worker) = spawn("pings", |target: WorkerThreadEventTarget| async move {
        let pubsub = PubSub::<Events>::new(target.clone());
        let mut pings = pubsub.subscribe_to(Ping, "").await?;
        target.ready();
        let pongs = pubsub.publisher(Pong, "")?;
        while let Some(ping) = pings.recv().await {
            pongs.publish(*ping.payload()).await?;
        }
        Ok::<(), Error>(())
    })
    .unwrap();
    let host = PubSub::<Events>::new(host);
    let mut pongs = host.subscribe_to(Pong, "").await.unwrap();
    worker.ready().await.unwrap();
    let pings = host.publisher(Ping, "").unwrap();
    let start = Instant::now();
    for ping in 0..count {
        pings.publish(ping).await.unwrap();
        assert_eq!(pongs.recv().await.unwrap().payload(), &ping);
    }
    let took = start.elapsed();
    assert!(worker.close().await.is_success());
    took
}

pub(super) async fn plain_one_way<T: Carried>(events: u64) -> Duration {
    let mut worker = plain::<T, _>(async move |mut pings, pongs| {
        for ping in 0..events {
            assert_eq!(pings.recv().await.unwrap().number(), ping);
        }
        pongs.send(T::of(events)).await.unwrap();
    });
    let start = Instant::now();
    for ping in 0..events {
        worker.up.send(T::of(ping)).await.unwrap();
    }
    assert_eq!(worker.down.recv().await.unwrap().number(), events);
    let took = start.elapsed();
    worker.end().await;
    took
}

pub(super) async fn one_way(events: u64) -> Duration {
    let (host, worker) = spawn("one way", move |target: WorkerThreadEventTarget| async move {
        let pubsub = PubSub::<Events>::new(target.clone());
        let bounds = Bounds::default().events(QUEUE).overflow(Overflow::Block);
        let mut pings = pubsub.subscribe_to(Ping, "").bounds(bounds).await?;
        target.ready();
        for ping in 0..events {
            assert_eq!(pings.recv().await.expect("open").payload(), &ping);
        }
        pubsub.publish(Pong, "", events).await.map(drop)
    })
    .unwrap();
    let host = PubSub::<Events>::new(host);
    let mut pongs = host.subscribe_to(Pong, "").await.unwrap();
    worker.ready().await.unwrap();
    let pings = host.publisher(Ping, "").unwrap();
    let start = Instant::now();
    for ping in 0..events {
        pings.publish(ping).await.unwrap();
    }
    assert_eq!(pongs.recv().await.unwrap().payload(), &events);
    let took = start.elapsed();
    assert!(worker.join().await.is_success());
    took
}
