use alk_pubsub_core::{Bounds, PubSub, event_map};
use alk_pubsub_redis::RedisEventTarget;
use anyhow::Result;
use futures_util::future::try_join_all;

use super::progress::{Note, Progress};

event_map! { struct Notes { Noted("note") => Note } }

pub(super) async fn measure(url: &str, subscribers: usize, events: u64) -> Result<f64> {
    let progress = Progress::new(subscribers);
    let receiving = PubSub::<Notes>::new(RedisEventTarget::builder(url).connect().await?);
    let bounds = Bounds::default().events(16_384).bytes(64 << 20);
    for subscriber in 0..subscribers {
        let mut notes = receiving.subscribe_to(Noted, "bench").bounds(bounds).await?;
        let progress = progress.clone();
        tokio::spawn(async move {
            while let Some(note) = notes.recv().await {
                progress.received(subscriber, note.payload());
            }
        });
    }
    let publishing = PubSub::<Notes>::new(RedisEventTarget::builder(url).connect().await?);
    let publisher = publishing.publisher(Noted, "bench")?;
    let rate = progress
        .run(events, |notes| {
            let under_way = notes.into_iter().map(|note| publisher.publish(note));
            async { Ok(try_join_all(under_way).await.map(drop)?) }
        })
        .await?;
    publishing.close().await?;
    receiving.close().await?;
    Ok(rate)
}
