use anyhow::Result;
use futures_util::StreamExt;

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
        .run(events, |notes| {
            let mut publisher = publisher.clone();
            async move {
                // Publishes that are merely under way together may overtake each other here.
                let mut pipeline = redis::pipe();
                for payload in notes {
                    pipeline.publish(CHANNEL, serde_json::to_vec(&Envelope::new(payload))?);
                }
                let _: Vec<u64> = pipeline.query_async(&mut publisher).await?;
                Ok(())
            }
        })
        .await
}
