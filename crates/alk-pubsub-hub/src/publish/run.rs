use std::cell::Cell;
use std::io::{IsTerminal, Read, Write, stderr};
use std::sync::Arc;

use alk_pubsub::{Event, EventTarget, Topic};

use super::envelope::Format;
use super::lines::{self, Batches, Broken, MOST};
use super::window::{Failure, Window};
use crate::cli::PubArgs;
use crate::error::{Error, described};
use crate::progress::Progress;
use crate::remote;
use crate::signals::Signals;

/// Publishes what the arguments say, and ends when everything was taken.
pub(crate) async fn publish(arguments: PubArgs) -> Result<(), Error> {
    let mut signals =
        Signals::listen().map_err(|source| Error::System { doing: "listen to signals", source })?;
    let PubArgs { event_type, id, payload, lines: _, text, envelopes: _, remote } = arguments;
    let format = match event_type.map(|event_type| Topic::new(event_type, id.unwrap_or_default())) {
        None => Format::Envelope,
        Some(Err(error)) => return Err(Error::Usage(error.to_string())),
        Some(Ok(topic)) if text => Format::Text(topic),
        Some(Ok(topic)) => Format::Json(topic),
    };
    let sent = Cell::new(false);
    let work = async {
        match payload {
            Some(payload) => {
                let event = payload_event(&format, payload).await?;
                one(event, remote::connect(remote).await?, &sent).await
            }
            None => {
                let batches =
                    lines::stdin().map_err(|source| Error::System { doing: "start a thread", source })?;
                let target = remote::connect(remote).await?;
                Ok(Some((target, batches)))
            }
        }
    };
    let interrupted = || {
        let so_far = if sent.get() {
            "interrupted; whether the event was published is not known"
        } else {
            "interrupted before anything was published"
        };
        Error::Failed(so_far.to_owned())
    };
    let lines = tokio::select! {
        done = work => done?,
        _ = signals.next() => return Err(interrupted()),
    };
    match lines {
        None => Ok(()),
        Some((target, batches)) => many(&format, target, batches, &mut signals).await,
    }
}

/// The event of a single payload.
async fn payload_event(format: &Format, payload: String) -> Result<Event, Error> {
    if payload != "-" {
        return format
            .event(payload.as_bytes())
            .map_err(|error| Error::Usage(format!("the payload cannot be published: {error}")));
    }
    let read = || {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(MOST as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let read = tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(error.into()));
    let bytes = read.map_err(|source| Error::System { doing: "read standard input", source })?;
    if bytes.len() > MOST {
        return Err(Error::Failed(format!("standard input has more than {MOST} bytes")));
    }
    let event = format.event(&bytes);
    event
        .map_err(|error| Error::Failed(format!("what stands in standard input cannot be published: {error}")))
}

async fn one<T>(event: Event, target: Arc<dyn EventTarget>, sent: &Cell<bool>) -> Result<Option<T>, Error> {
    sent.set(true);
    let published = target.dispatch_event(event).await;
    let published = published.map_err(|source| Error::Refused { doing: "publish".to_owned(), source })?;
    if stderr().is_terminal() {
        let _ = match published.known_receivers() {
            Some(1) => writeln!(stderr(), "published; 1 receiver"),
            Some(receivers) => writeln!(stderr(), "published; {receivers} receivers"),
            None => writeln!(stderr(), "published"),
        };
    }
    close(&*target).await?;
    Ok(None)
}

async fn close(target: &dyn EventTarget) -> Result<(), Error> {
    target.close().await.map_err(|source| Error::Refused { doing: "take leave".to_owned(), source })
}

/// Why no further line is published.
enum Stop {
    End,
    Refused,
    Line(u64, String),
    Read(Broken),
    Interrupted,
    /// The connection, for good.
    Lost,
}

async fn many(
    format: &Format,
    target: Arc<dyn EventTarget>,
    batches: Batches,
    signals: &mut Signals,
) -> Result<(), Error> {
    let mut window = Window::new(target.clone());
    let mut progress = Progress::new("published", true);
    let stop = tokio::select! {
        biased;
        stop = pump(format, batches, &mut window, &mut progress) => stop,
        _ = signals.next() => Stop::Interrupted,
        () = remote::lost(target.state()) => Stop::Lost,
    };
    let rest = tokio::select! {
        rest = window.rest() => rest,
        // Twice: somebody means it.
        _ = signals.next() => Err(Failure { line: 0, error: alk_pubsub::Error::closed(), unsent: false }),
    };
    let published = window.published;
    progress.finish(published);
    let so_far = format!("events published: {published}");
    match (rest, stop) {
        (Err(Failure { line: 0, .. }), _) => Err(Error::Failed(format!("ended at once; {so_far} at least"))),
        // The earlier line is the one to tell of.
        (Err(Failure { line, error, unsent }), _) => {
            let doubt =
                if error.is_retryable() && !unsent { "; whether this one was is not known" } else { "" };
            let behind = window.behind(line).map(|text| format!("\n{text}")).unwrap_or_default();
            Err(Error::Failed(format!("line {line}: {}\n{so_far}{doubt}{behind}", described(&error))))
        }
        (Ok(()), Stop::Line(line, error)) => Err(Error::Failed(format!("line {line}: {error}\n{so_far}"))),
        (Ok(()), Stop::Read(Broken::TooLong(line))) => {
            Err(Error::Failed(format!("line {line} is longer than {} MiB\n{so_far}", MOST >> 20)))
        }
        (Ok(()), Stop::Read(Broken::Io(source))) => {
            Err(Error::System { doing: "read standard input", source })
        }
        (Ok(()), Stop::Interrupted) => Err(Error::Failed(format!("interrupted; {so_far}"))),
        (Ok(()), Stop::Lost) => {
            let why = remote::why_lost(&*target).await;
            Err(Error::Failed(format!("the connection is lost for good: {why}\n{so_far}")))
        }
        (Ok(()), Stop::End | Stop::Refused) => close(&*target).await,
    }
}

/// Publishes line after line.
async fn pump(format: &Format, mut batches: Batches, window: &mut Window, progress: &mut Progress) -> Stop {
    loop {
        let batch = tokio::select! {
            biased;
            // So that what goes wrong is noticed while there is nothing to read.
            () = window.answered(), if !window.is_empty() => {
                progress.update(window.published);
                if window.has_failed() {
                    return Stop::Refused;
                }
                continue;
            }
            batch = batches.recv() => batch,
        };
        let batch = match batch {
            None => return Stop::End,
            Some(Err(broken)) => return Stop::Read(broken),
            Some(Ok(batch)) => batch,
        };
        for (number, line) in batch.lines() {
            if format.is_nothing(line) {
                continue;
            }
            match format.event(line) {
                Err(error) => return Stop::Line(number, error),
                Ok(event) => window.publish(number, event).await,
            }
            if window.has_failed() {
                return Stop::Refused;
            }
        }
        progress.update(window.published);
        // Whoever reads and sends has a turn, too.
        tokio::task::yield_now().await;
    }
}
