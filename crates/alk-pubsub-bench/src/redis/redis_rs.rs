use anyhow::{Context, Result};
use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSubStream};
use tokio::task::JoinSet;

use super::listeners::give_up;
use super::measure::CHANNEL;
use super::note::{Envelope, Note};
use super::progress::{Progress, Subscriber};
use super::publishing::Publisher;

/// A connection for each subscriber.
pub(super) async fn listen(url: &str, progress: &Progress) -> Result<JoinSet<()>> {
    let client = redis::Client::open(url)?;
    let mut tasks = JoinSet::new();
    for subscriber in progress.subscribers() {
        let mut connection = client.get_async_pubsub().await?;
        connection.subscribe(CHANNEL).await?;
        let messages = connection.into_on_message();
        tasks.spawn(async move {
            if let Err(error) = receive(messages, subscriber).await {
                give_up(&error);
            }
        });
    }
    Ok(tasks)
}

async fn receive(mut messages: PubSubStream, mut subscriber: Subscriber) -> Result<()> {
    loop {
        let message = messages.next().await.context("the connection has ended")?;
        let envelope: Envelope = serde_json::from_slice(message.get_payload_bytes())?;
        if !subscriber.receive(&envelope.payload)? {
            return Ok(());
        }
    }
}

pub(super) struct RedisRs(MultiplexedConnection);

impl RedisRs {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        Ok(Self(redis::Client::open(url)?.get_multiplexed_async_connection().await?))
    }
}

impl Publisher for RedisRs {
    async fn publish(&mut self, notes: Vec<Note>) -> Result<()> {
        // Publishes that are merely under way together may overtake each other here.
        let mut pipeline = redis::pipe();
        for payload in notes {
            pipeline.publish(CHANNEL, serde_json::to_vec(&Envelope::new(payload))?);
        }
        let _: Vec<u64> = pipeline.query_async(&mut self.0).await?;
        Ok(())
    }
}
