use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::listeners::Running;
use super::note::Note;

/// How far a publisher is ahead at most of the slowest subscriber.
const AHEAD: u64 = 8_192;
/// How many publishes are under way at once.
const UNDER_WAY: u64 = 256;
const PATIENCE: Duration = Duration::from_secs(20);

/// Publishes as one client does.
pub(super) trait Publisher {
    /// Publishes all of them, in their order, and waits until the broker has them.
    async fn publish(&mut self, notes: Vec<Note>) -> Result<()>;
}

/// Publishes events from 1 to `last`, as fast as it goes; the seconds until all have been received.
pub(super) async fn deliver(publisher: &mut impl Publisher, to: &Running, last: u64) -> Result<f64> {
    until_all_listen(publisher, to).await?;
    let start = Instant::now();
    let mut number = 1;
    while number <= last {
        to.until(number.saturating_sub(AHEAD)).await?;
        let end = (number + UNDER_WAY - 1).min(last);
        publisher.publish((number..=end).map(Note::new).collect()).await?;
        number = end + 1;
    }
    to.until(last + 1).await?;
    Ok(start.elapsed().as_secs_f64())
}

/// Publishes events from 1 to `last`, one each millisecond; how late they are, in microseconds.
pub(super) async fn pace(publisher: &mut impl Publisher, to: &Running, last: u64) -> Result<[f64; 2]> {
    until_all_listen(publisher, to).await?;
    let mut clock = tokio::time::interval(Duration::from_millis(1));
    for number in 1..=last {
        clock.tick().await;
        publisher.publish(vec![Note::new(number)]).await?;
    }
    to.late().await
}

async fn until_all_listen(publisher: &mut impl Publisher, to: &Running) -> Result<()> {
    let begin = Instant::now();
    while !to.listen() {
        ensure!(begin.elapsed() < PATIENCE, "not every subscriber listens");
        publisher.publish(vec![Note::new(0)]).await?;
        to.moment().await;
    }
    Ok(())
}
