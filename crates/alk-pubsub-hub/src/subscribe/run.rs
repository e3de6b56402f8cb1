use std::future::{pending, poll_fn};
use std::io::{self, IsTerminal, stderr, stdout};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub::{Bounds, EventTarget, Feed, FeedItem, Interest};

use super::framing::Lines;
use super::gaps::Gaps;
use super::output::{self, Output};
use crate::cli::SubArgs;
use crate::error::{Error, described};
use crate::progress::Progress;
use crate::remote;
use crate::signals::Signals;

/// How much of what arrives may wait for a standard output that is not read.
const WAITING_BYTES: usize = 32 << 20;
const WAITING_EVENTS: usize = 256 << 10;
/// How much is written at once.
const PIECE: usize = 256 << 10;

/// Prints events until there is a reason to end.
pub(crate) async fn subscribe(arguments: SubArgs) -> Result<(), Error> {
    let mut signals =
        Signals::listen().map_err(|source| Error::System { doing: "listen to signals", source })?;
    let SubArgs { topics, count, timeout, pretty, remote } = arguments;
    let connecting = async {
        let target = remote::connect(remote).await?;
        let feed = listen(&target, topics).await?;
        Ok((target, feed))
    };
    let (target, mut feed) = tokio::select! {
        connected = connecting => connected?,
        _ = signals.next() => return ended(Ended::Interrupted, 0, count),
    };
    let (output, mut written) =
        output::stdout(pretty).map_err(|source| Error::System { doing: "start a thread", source })?;
    let mut printed = Printed { events: 0, progress: Progress::new("received", !stdout().is_terminal()) };
    let why = tokio::select! {
        biased;
        why = print(&mut feed, count, &output, &mut printed) => why,
        written = &mut written => unwritten(written.unwrap_or(Ok(()))),
        () = output::unread() => Ended::NobodyReads,
        _ = signals.next() => Ended::Interrupted,
        () = over(timeout) => Ended::Timeout,
        () = remote::tell_losses(target.state()) => Ended::Interrupted,
    };
    // What was received is written, if somebody reads it.
    drop(output);
    let why = match why {
        Ended::Unwritten(_) | Ended::NobodyReads => why,
        why => tokio::select! {
            biased;
            written = written => match written {
                Ok(Err(error)) => unwritten(Err(error)),
                _ => why,
            },
            _ = signals.next() => why,
        },
    };
    printed.progress.finish(printed.events);
    drop(feed);
    // That it could not take its leave is nobody's concern.
    let _ = target.close().await;
    ended(why, printed.events, count)
}

/// What was printed so far.
struct Printed {
    events: u64,
    progress: Progress,
}

/// Why it ends.
#[derive(Debug)]
enum Ended {
    Counted,
    Interrupted,
    Timeout,
    NobodyReads,
    Unwritten(io::Error),
    /// There is nothing to listen to any more, and perhaps a reason.
    Over(Interest, Option<alk_pubsub::Error>),
}

async fn listen(target: &Arc<dyn EventTarget>, topics: Vec<Interest>) -> Result<Feed, Error> {
    let bounds = Bounds::default().events(WAITING_EVENTS).bytes(WAITING_BYTES);
    // All at once, so that they go out together.
    let waiting: Vec<_> = topics
        .into_iter()
        .map(|interest| (target.subscribe_raw(interest.clone(), bounds), interest))
        .collect();
    let mut feed = Feed::new();
    for (subscribing, interest) in waiting {
        let refused = |source| Error::Refused { doing: format!("listen to `{interest}`"), source };
        feed.insert(subscribing.await.map_err(refused)?);
    }
    Ok(feed)
}

async fn print(feed: &mut Feed, count: Option<NonZeroU64>, output: &Output, printed: &mut Printed) -> Ended {
    let mut gaps = Gaps::default();
    loop {
        let mut items = Vec::new();
        poll_fn(|cx| feed.poll_items(cx, &Lines, PIECE, &mut |item| items.push(item))).await;
        for item in items {
            match item {
                FeedItem::Gap(gap) => gaps.add(gap),
                FeedItem::Frames { mut bytes, mut events } => {
                    tell(&mut gaps, printed);
                    let wanted = count.map_or(u64::MAX, |count| count.get() - printed.events);
                    if events > wanted {
                        bytes.truncate(end_of_line(&bytes, wanted));
                        events = wanted;
                    }
                    output.write(bytes).await;
                    printed.events += events;
                    if events == wanted {
                        return Ended::Counted;
                    }
                }
                FeedItem::Ended { interest, error } => return Ended::Over(interest, error),
                _ => {}
            }
        }
        tell(&mut gaps, printed);
        printed.progress.update(printed.events);
    }
}

fn tell(gaps: &mut Gaps, printed: &mut Printed) {
    if !gaps.is_empty() {
        printed.progress.clear();
        gaps.tell(&mut stderr());
    }
}

/// Where so many lines end.
fn end_of_line(text: &[u8], lines: u64) -> usize {
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let end = ends.zip(1..).find(|(_, number)| *number == lines);
    end.map_or(text.len(), |((at, _), _)| at + 1)
}

async fn over(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => pending().await,
    }
}

fn unwritten(written: io::Result<()>) -> Ended {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Ended::Unwritten(error),
        _ => Ended::NobodyReads,
    }
}

fn ended(why: Ended, events: u64, count: Option<NonZeroU64>) -> Result<(), Error> {
    let short = |after: &str| match count {
        Some(count) => Err(Error::Failed(format!("{after} after {events} of {count} events"))),
        None => Ok(()),
    };
    match why {
        Ended::Counted | Ended::NobodyReads => Ok(()),
        Ended::Interrupted => short("interrupted"),
        Ended::Timeout => short("the time was over"),
        Ended::Unwritten(source) => Err(Error::System { doing: "write to standard output", source }),
        Ended::Over(interest, Some(error)) => {
            Err(Error::Failed(format!("nothing will come of `{interest}` any more: {}", described(&error))))
        }
        Ended::Over(interest, None) => {
            Err(Error::Failed(format!("the subscription to `{interest}` was ended by the other side")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::end_of_line;

    #[test]
    fn lines_are_counted() {
        let text = b"one\n\nthree\n";
        let ends: Vec<_> = (1..=4).map(|lines| end_of_line(text, lines)).collect();
        assert_eq!(ends, [4, 5, 11, 11]);
    }
}
