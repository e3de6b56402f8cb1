use anyhow::Result;
use futures_util::StreamExt;
use redis::AsyncCommands;

use super::measure::CHANNEL;
use super::progress::{Envelope, Progress};

pub(super) async fn measure(url: &str, subscribers: usize, events: u64) -> Result<f64> {
    let progress = Progress::new(subscribers);
    let client = redis::Client::open(url)?;
    let mut tasks = tokio::task::JoinSet::new();
    for subscriber in 0..subscribers {
        let mut connection = client.get_async_pubsub().await?;
        connection.subscribe(CHANNEL).await?;
        let mut messages = connection.into_on_message();
        let progress = progress.clone();
        tasks.spawn(async move {
            while let Some(message) = messages.next().await {
                let envelope: Envelope =
                    serde_json::from_slice(message.get_payload_bytes()).expect("an envelope");
                progress.received(subscriber, &envelope.payload);
            }
        });
    }
    let publisher = client.get_multiplexed_async_connection().await?;
    progress
        .run(events, |payload| {
            let mut publisher = publisher.clone();
            let envelope = Envelope { event_type: "note".to_owned(), id: "bench".to_owned(), payload };
            async move {
                let bytes = serde_json::to_vec(&envelope)?;
                let _: u64 = publisher.publish(CHANNEL, bytes).await?;
                Ok(())
            }
        })
        .await
}
