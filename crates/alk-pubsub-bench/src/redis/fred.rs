use anyhow::Result;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::Builder;
use fred::types::config::Config;
use futures_util::future::try_join_all;

use super::measure::CHANNEL;
use super::progress::{Envelope, Progress};

pub(super) async fn measure(url: &str, subscribers: usize, events: u64) -> Result<f64> {
    let progress = Progress::new(subscribers);
    let mut clients = Vec::new();
    for subscriber in 0..subscribers {
        let mut builder = Builder::from_config(Config::from_url(url)?);
        // What lags behind a smaller one is lost.
        builder.with_performance_config(|config| config.broadcast_channel_capacity = 500_000);
        let client = builder.build()?;
        client.init().await?;
        let mut messages = client.message_rx();
        client.subscribe(CHANNEL).await?;
        let progress = progress.clone();
        tokio::spawn(async move {
            while let Ok(message) = messages.recv().await {
                let bytes = message.value.as_bytes().expect("bytes");
                let envelope: Envelope = serde_json::from_slice(bytes).expect("an envelope");
                progress.received(subscriber, &envelope.payload);
            }
        });
        clients.push(client);
    }
    let publisher = Builder::from_config(Config::from_url(url)?).build()?;
    publisher.init().await?;
    let rate = progress
        .run(events, |notes| {
            let publisher = &publisher;
            let under_way = notes.into_iter().map(async |payload| {
                let bytes = serde_json::to_vec(&Envelope::new(payload))?;
                let _: u64 = publisher.publish(CHANNEL, bytes.as_slice()).await?;
                anyhow::Ok(())
            });
            async { try_join_all(under_way).await.map(drop) }
        })
        .await?;
    publisher.quit().await?;
    for client in clients {
        client.quit().await?;
    }
    Ok(rate)
}
