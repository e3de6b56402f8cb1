use std::io::{Write, stdout};
use std::time::{Duration, SystemTime};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::event::Events;
use super::generator::{Generator, Pace};
use super::outcome::Outcome;
use super::place::Place;
use crate::cli::BenchArgs;
use crate::error::Error;
use crate::progress::grouped;

/// How long the hub rests between the last connection and the first event, so that what connections cost can be read.
const REST: Duration = Duration::from_millis(500);

/// Loads a hub and prints what it found.
///
/// # Errors
///
/// If the hub is not there, refuses something, or loses an event without saying so.
pub(crate) fn run(arguments: &BenchArgs) -> Result<(), Error> {
    let place = Place::find(arguments)?;
    let listeners = u32::try_from(arguments.connections.get())
        .map_err(|_| Error::Usage("nobody has so many connections".to_owned()))?;
    // Each is a file; a limit that is too low is met when they are opened.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let events = Events::new(own_id(), arguments.payload_bytes.bytes());
    let pace = match arguments.rate {
        Some(rate) => Pace::Rate(f64::from(rate.get())),
        None => Pace::Window(u64::from(arguments.window.get())),
    };
    let say = |state: serde_json::Value| if arguments.json { print(&state.to_string()) } else { Ok(()) };

    let bar = bar(u64::from(listeners), "{msg} {wide_bar} {pos}/{len}").with_message("connecting");
    let connected = |count| bar.set_position(count as u64);
    let mut generator = Generator::connect(&place, arguments.transport, listeners, events, connected)?;
    bar.finish_and_clear();
    say(json!({"state": "connected", "connections": listeners}))?;
    generator.rest(REST)?;
    if !arguments.warm_up.is_zero() {
        generator.publish(pace, arguments.warm_up, |_, _| {})?;
    }
    say(json!({"state": "measuring"}))?;
    let timed = timed(&mut generator, pace, arguments.duration)?;
    let outcome = Outcome { timed, counted: generator.counted() };
    if arguments.json {
        say(outcome.json())?;
    } else {
        print(outcome.to_string().trim_end())?;
    }
    outcome.counted.complaint().map_or(Ok(()), |complaint| Err(Error::Failed(complaint)))
}

fn timed(generator: &mut Generator, pace: Pace, time: Duration) -> Result<super::outcome::Timed, Error> {
    let bar = bar(millis(time), "{msg} {wide_bar} {elapsed}");
    let mut told = Duration::ZERO;
    let timed = generator.publish(pace, time, |passed, delivered| {
        if passed.saturating_sub(told) > Duration::from_millis(100) {
            told = passed;
            bar.set_position(millis(passed));
            let rate = u128::from(delivered) * 1000 / passed.as_millis().max(1);
            bar.set_message(format!(
                "{} deliveries a second",
                grouped(u64::try_from(rate).unwrap_or(u64::MAX))
            ));
        }
    });
    bar.finish_and_clear();
    timed
}

/// On standard error, and only if that is a terminal.
fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn print(line: &str) -> Result<(), Error> {
    let mut out = stdout();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|source| Error::System { doing: "write to standard output", source })
}

/// An id that no other run has: of this process, at this time.
fn own_id() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", std::process::id(), since.as_millis())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
