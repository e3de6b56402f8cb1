use std::any::Any;

use alk_pubsub_core::{Bounds, PubSub, Publisher as OwnPublisher, Subscription, event_map};
use alk_pubsub_redis::RedisEventTarget;
use anyhow::{Context, Result};
use futures_util::future::try_join_all;

use super::listeners::give_up;
use super::note::Note;
use super::progress::{Progress, Subscriber};
use super::publishing::Publisher;

event_map! { struct Notes { Noted("note") => Note } }

/// A connection for all subscribers.
pub(super) async fn listen(url: &str, progress: &Progress) -> Result<Box<dyn Any>> {
    let receiving = PubSub::<Notes>::new(RedisEventTarget::builder(url).connect().await?);
    let bounds = Bounds::default().events(16_384).bytes(64 << 20);
    for subscriber in progress.subscribers() {
        let notes = receiving.subscribe_to(Noted, "bench").bounds(bounds).await?;
        tokio::spawn(async move {
            if let Err(error) = receive(notes, subscriber).await {
                give_up(&error);
            }
        });
    }
    Ok(Box::new(receiving))
}

async fn receive(mut notes: Subscription<Note>, mut subscriber: Subscriber) -> Result<()> {
    loop {
        let note = notes.recv().await.context("the subscription has ended")?;
        if !subscriber.receive(note.payload())? {
            return Ok(());
        }
    }
}

pub(super) struct Ours {
    publisher: OwnPublisher<Note>,
    _pubsub: PubSub<Notes>,
}

impl Ours {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let pubsub = PubSub::<Notes>::new(RedisEventTarget::builder(url).connect().await?);
        Ok(Self { publisher: pubsub.publisher(Noted, "bench")?, _pubsub: pubsub })
    }
}

impl Publisher for Ours {
    async fn publish(&mut self, notes: Vec<Note>) -> Result<()> {
        let under_way = notes.into_iter().map(|note| self.publisher.publish(note));
        Ok(try_join_all(under_way).await.map(drop)?)
    }
}
