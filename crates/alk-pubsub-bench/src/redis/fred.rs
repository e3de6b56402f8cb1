use anyhow::Result;
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::Builder;
use fred::types::config::Config;
use futures_util::future::try_join_all;

use super::listeners::give_up;
use super::measure::CHANNEL;
use super::note::{Envelope, Note};
use super::progress::{Progress, Subscriber};
use super::publishing::Publisher;

/// A client for each subscriber.
pub(super) async fn listen(url: &str, progress: &Progress) -> Result<Vec<Client>> {
    let mut clients = Vec::new();
    for subscriber in progress.subscribers() {
        let mut builder = Builder::from_config(Config::from_url(url)?);
        // What lags behind a smaller one is lost.
        builder.with_performance_config(|config| config.broadcast_channel_capacity = 500_000);
        let client = builder.build()?;
        client.init().await?;
        let messages = client.message_rx();
        client.subscribe(CHANNEL).await?;
        tokio::spawn(async move {
            if let Err(error) = receive(messages, subscriber).await {
                give_up(&error);
            }
        });
        clients.push(client);
    }
    Ok(clients)
}

async fn receive(
    mut messages: tokio::sync::broadcast::Receiver<fred::types::Message>,
    mut subscriber: Subscriber,
) -> Result<()> {
    loop {
        let message = messages.recv().await?;
        let bytes = message.value.as_bytes().unwrap_or_default();
        let envelope: Envelope = serde_json::from_slice(bytes)?;
        if !subscriber.receive(&envelope.payload)? {
            return Ok(());
        }
    }
}

pub(super) struct Fred(Client);

impl Fred {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let client = Builder::from_config(Config::from_url(url)?).build()?;
        client.init().await?;
        Ok(Self(client))
    }
}

impl Publisher for Fred {
    async fn publish(&mut self, notes: Vec<Note>) -> Result<()> {
        let under_way = notes.into_iter().map(async |payload| {
            let bytes = serde_json::to_vec(&Envelope::new(payload))?;
            let _: u64 = self.0.publish(CHANNEL, bytes.as_slice()).await?;
            anyhow::Ok(())
        });
        try_join_all(under_way).await.map(drop)
    }
}
