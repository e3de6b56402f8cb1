//! Clients of event streams, which know nothing but HTTP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rand::Rng;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::ledger::Kind;
use crate::life::{PATIENCE, Pace, Wish, World, between};
use crate::watch::Watch;

/// How long a hub may take before it answers.
const ANSWER: Duration = Duration::from_secs(20);

/// One client after the other, until it is over.
pub(crate) async fn live(world: World, number: u64, pace: Pace) {
    let mut random = world.random(4 + 8 * pace as u64, number);
    let kind = if pace.is_slow() { Kind::SlowStream } else { Kind::Stream };
    while !world.is_over() {
        let hub = world.hub(&mut random, pace);
        let most = if pace.is_slow() { 1 } else { 5 };
        let wishes: Vec<Wish> =
            (0..random.random_range(1..=most)).map(|_| Wish::choose(&mut random, pace)).collect();
        let query = wishes.iter().map(|wish| format!("topic={wish}")).collect::<Vec<_>>().join("&");
        let who = format!("stream {number} ({pace:?}) of {query}");
        let is_calm = world.ledger.is_calm();
        match timeout(ANSWER, open(hub, &query)).await.unwrap_or_else(|late| Err(late.into())) {
            Ok(lines) => {
                let topics = wishes.into_iter().flat_map(Wish::topics);
                let watch = Watch::begin(&world.ledger, who, kind, topics);
                let stay = pace.stay(&mut random);
                listen(&world, lines, watch, stay, random.random()).await;
            }
            Err(error) => world.ledger.refused(&who, is_calm, &error.to_string()),
        }
        sleep(between(&mut random, 0, 1000)).await;
    }
}

/// Asks for a stream and waits until it says that it is open. HTTP/1.0 has no chunks: the body is the stream as it is.
async fn open(hub: SocketAddr, query: &str) -> io::Result<Lines<BufReader<OwnedReadHalf>>> {
    let (reader, mut writer) = TcpStream::connect(hub).await?.into_split();
    let request = format!("GET /events?{query} HTTP/1.0\r\nhost: {hub}\r\n\r\n");
    writer.write_all(request.as_bytes()).await?;
    // Half of a connection that is closed would end the whole.
    writer.forget();
    let mut lines = BufReader::new(reader).lines();
    let mut next = async || {
        let line = lines.next_line().await?;
        line.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    let status = next().await?;
    if status.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(status));
    }
    while next().await? != ": subscribed" {}
    Ok(lines)
}

async fn listen(
    world: &World,
    mut lines: Lines<BufReader<OwnedReadHalf>>,
    mut watch: Watch,
    stay: Duration,
    in_the_middle: bool,
) {
    let mut fields = Fields::default();
    let until = Instant::now() + stay;
    while Instant::now() < until && !world.is_over() {
        let soon = until.min(Instant::now() + Duration::from_millis(500));
        match timeout_at(soon, lines.next_line()).await {
            Ok(Ok(Some(line))) => fields.take(&line, &mut watch),
            // A stream that is cut off is over: what comes later is not owed.
            Ok(_) => return watch.cut_off(),
            Err(_) => continue,
        }
    }
    if in_the_middle && !world.is_over() {
        return;
    }
    let (owed, until) = (watch.owed(), Instant::now() + PATIENCE);
    while !watch.has(&owed) {
        match timeout_at(until, lines.next_line()).await {
            Ok(Ok(Some(line))) => fields.take(&line, &mut watch),
            Ok(_) => return watch.cut_off(),
            Err(_) => return watch.never_came(&owed),
        }
    }
    watch.settled();
}

/// The fields of the event that is being read.
#[derive(Debug, Default)]
struct Fields {
    event: String,
    data: String,
}

impl Fields {
    /// A line: an event is one when the empty line behind it has come. Of one that was cut off nothing is taken.
    fn take(&mut self, line: &str, watch: &mut Watch) {
        match line.split_once(": ") {
            Some(("event", name)) => name.clone_into(&mut self.event),
            Some(("data", data)) => data.clone_into(&mut self.data),
            None if line.is_empty() => std::mem::take(self).tell(watch),
            // Comments and `retry`.
            _ => {}
        }
    }

    fn tell(self, watch: &mut Watch) {
        let Self { event, data } = self;
        if event.is_empty() && data.is_empty() {
            return; // A comment stood there.
        }
        let data: Value = serde_json::from_str(&data).unwrap_or_default();
        let payload = &data["payload"];
        if event == "__gap" {
            watch.gap(payload["reason"].as_str().unwrap_or("of no reason"), payload["missed"].as_u64());
        } else {
            let (named, id) = (data["type"].as_str(), data["id"].as_str());
            let number = payload["n"].as_u64().filter(|_| named == Some(&event));
            watch.event(&event, id.unwrap_or_default(), number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Fields;
    use crate::ledger::{Fate, Kind, Ledger};
    use crate::watch::Watch;

    /// The number of violations when a stream of one topic with one event has these lines.
    fn violations(lines: &str) -> usize {
        let ledger = Arc::new(Ledger::new());
        let mut watch = Watch::begin(&ledger, "a test".to_owned(), Kind::Stream, [0]);
        let number = ledger.begin(0);
        ledger.end(0, number, Fate::Published);
        let mut fields = Fields::default();
        lines.lines().for_each(|line| fields.take(line, &mut watch));
        ledger.violations()
    }

    #[test]
    fn an_event_is_one_when_the_empty_line_has_come() {
        let event = r#"data: {"type":"soak.0","id":"0","payload":{"n":0}}"#;
        assert_eq!(violations(&format!("event: soak.0\n{event}\n\n: keep-alive\n\n")), 0);
        assert_eq!(violations(&format!("event: soak.0\n{}", &event[..20])), 0, "it was cut off");
        assert_eq!(violations("event: soak.0\ndata: {\n\n"), 1, "it is none");
        assert_eq!(violations(&format!("event: soak.1\n{event}\n\n")), 1, "it is of another type");
        assert_eq!(violations(&format!("event: soak.0\n{event}\n\n{event}\n\n")), 1, "it has no type");
    }
}
