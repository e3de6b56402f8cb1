use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use super::timing::{CAPACITY, time_all};
use crate::tick::{Check, Tick};

/// It overwrites instead of waiting, so the publisher watches how full it is.
pub(super) async fn tokio_broadcast(subscribers: usize, events: usize) -> Duration {
    const PACE: usize = 64;
    let (sender, _) = broadcast::channel::<Arc<Tick>>(CAPACITY);
    let receive = |mut receiver: broadcast::Receiver<Arc<Tick>>| async move {
        let mut check = Check::default();
        loop {
            match receiver.recv().await {
                Ok(tick) => check.see(&tick),
                Err(broadcast::error::RecvError::Closed) => return check.seen(),
                Err(error) => panic!("{error}"),
            }
        }
    };
    let tasks = (0..subscribers).map(|_| tokio::spawn(receive(sender.subscribe()))).collect();
    let publisher = async move {
        for sequence in 0..events {
            while sequence % PACE == 0 && sender.len() > CAPACITY - PACE {
                tokio::task::yield_now().await;
            }
            assert!(sender.send(Arc::new(Tick::new(sequence as u64))).is_ok());
        }
    };
    time_all(publisher, tasks, events).await
}

pub(super) async fn async_broadcast(subscribers: usize, events: usize) -> Duration {
    let (sender, receiver) = async_broadcast::broadcast::<Arc<Tick>>(CAPACITY);
    let receive = |mut receiver: async_broadcast::Receiver<Arc<Tick>>| async move {
        let mut check = Check::default();
        while let Ok(tick) = receiver.recv().await {
            check.see(&tick);
        }
        check.seen()
    };
    let tasks = (0..subscribers).map(|_| tokio::spawn(receive(receiver.clone()))).collect();
    drop(receiver);
    let publisher = async move {
        for sequence in 0..events {
            sender.broadcast(Arc::new(Tick::new(sequence as u64))).await.expect("subscribers");
        }
    };
    time_all(publisher, tasks, events).await
}

pub(super) async fn flume_each(subscribers: usize, events: usize) -> Duration {
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..subscribers).map(|_| flume::bounded::<Arc<Tick>>(CAPACITY)).unzip();
    let receive = |receiver: flume::Receiver<Arc<Tick>>| async move {
        let mut check = Check::default();
        while let Ok(tick) = receiver.recv_async().await {
            check.see(&tick);
        }
        check.seen()
    };
    let tasks = receivers.into_iter().map(|receiver| tokio::spawn(receive(receiver))).collect();
    let publisher = async move {
        for sequence in 0..events {
            let tick = Arc::new(Tick::new(sequence as u64));
            for sender in &senders {
                sender.send_async(tick.clone()).await.expect("a subscriber");
            }
        }
    };
    time_all(publisher, tasks, events).await
}
