use std::io;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

use super::connection::{Connection, Shared};
use super::event::{Events, Stamp};
use super::outcome::{Counted, Timed};
use super::place::Place;
use super::tally::Tally;
use crate::cli::Transport;
use crate::error::Error;

/// How many connections are made at a time: fewer than any hub lets wait.
const AT_ONCE: usize = 100;
/// How long nothing may happen while something is awaited.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many events may be under way when they are published at a rate. A hub that has so many is too slow, and the events
/// that it delays are counted from when they were due.
const MOST_UNDER_WAY: u64 = 65_536;
const PUBLISHER: usize = 0;

/// How fast it publishes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// So many events are under way at a time.
    Window(u64),
    /// So many in a second.
    Rate(f64),
}

/// The publisher and the listeners, on the thread that calls.
#[derive(Debug)]
pub(super) struct Generator {
    poll: Poll,
    ready: mio::Events,
    /// The first is the publisher.
    connections: Vec<Connection>,
    events: Events,
    tally: Tally,
    begin: Instant,
    buffer: Box<[u8]>,
}

impl Generator {
    /// Connects everybody.
    ///
    /// # Errors
    ///
    /// If nobody connects any more for ten seconds, or if the hub refuses one.
    pub(super) fn connect(
        place: &Place,
        transport: Transport,
        listeners: u32,
        events: Events,
        mut connected: impl FnMut(usize),
    ) -> Result<Self, Error> {
        let system = |source| Error::System { doing: "watch connections", source };
        let mut generator = Self {
            poll: Poll::new().map_err(system)?,
            ready: mio::Events::with_capacity(1024),
            connections: Vec::new(),
            events,
            tally: Tally::new(listeners),
            begin: Instant::now(),
            buffer: vec![0; 256 << 10].into(),
        };
        generator.open(place, place.publisher(), None)?;
        let topic = generator.events.topic();
        let all = listeners as usize + 1;
        let (mut last, mut done) = (Instant::now(), 0);
        while done < all {
            let waiting = generator.connections.len() - done;
            if done > 0 && waiting < AT_ONCE && generator.connections.len() < all {
                generator.open(place, place.listener(transport, &topic), Some(topic.clone()))?;
                continue;
            }
            generator.turn(Duration::from_millis(20))?;
            while generator.connections.get(done).is_some_and(Connection::is_ready) {
                done += 1;
                last = Instant::now();
                connected(done - 1);
            }
            if last.elapsed() > PATIENCE {
                return Err(Error::Failed(format!("only {done} of {all} connections were made")));
            }
        }
        Ok(generator)
    }

    fn open(&mut self, place: &Place, request: String, topic: Option<String>) -> Result<(), Error> {
        let token = Token(self.connections.len());
        let registered = TcpStream::connect(place.address).and_then(|mut stream| {
            stream.set_nodelay(true)?;
            let all = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token, all).map(|()| stream)
        });
        let stream = registered.map_err(|source| Error::System { doing: "open a connection", source })?;
        self.connections.push(Connection::new(stream, place.dialect, request, topic));
        Ok(())
    }

    /// Publishes for so long. `tell` is called again and again with how long it has been and what was delivered.
    ///
    /// # Errors
    ///
    /// If a connection is lost.
    pub(super) fn publish(
        &mut self,
        pace: Pace,
        time: Duration,
        mut tell: impl FnMut(Duration, u64),
    ) -> Result<Timed, Error> {
        self.tally.begin_timing();
        let (start, before) = (Instant::now(), self.tally.delivered);
        let (mut passed, mut busy, mut published) = (Duration::ZERO, Duration::ZERO, 0_u64);
        while passed < time {
            let due = self.due(pace, start, passed, published);
            for sent in due {
                self.publish_one(sent);
                published += 1;
            }
            self.connections[PUBLISHER].flush().map_err(lost)?;
            // Without sleeping: the hub would have to wake it.
            let worked = self.turn(Duration::ZERO)?;
            let now = start.elapsed();
            if worked {
                busy += now.saturating_sub(passed);
                tell(now, self.tally.delivered - before);
            }
            passed = now;
        }
        let delivered = self.tally.delivered - before;
        self.drain()?;
        Ok(Timed {
            seconds: passed.as_secs_f64(),
            published,
            delivered,
            delivered_in_all: self.tally.delivered - before,
            busy: busy.as_secs_f64() / passed.as_secs_f64(),
            latency: self.tally.end_timing(),
        })
    }

    /// When the events that are to go out now were due.
    fn due(&self, pace: Pace, start: Instant, passed: Duration, published: u64) -> Vec<u64> {
        match pace {
            Pace::Window(window) => {
                let now = micros(self.begin.elapsed());
                (self.tally.under_way()..window).map(|_| now).collect()
            }
            Pace::Rate(rate) => {
                let from = micros(start.duration_since(self.begin));
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "counts and microseconds of a run that somebody waits for"
                )]
                let (due, when) = ((passed.as_secs_f64() * rate) as u64 + 1, move |number: u64| {
                    from + (number as f64 / rate * 1e6) as u64
                });
                let room = MOST_UNDER_WAY.saturating_sub(self.tally.under_way());
                (published..due.min(published + room)).map(when).collect()
            }
        }
    }

    fn publish_one(&mut self, sent: u64) {
        let sequence = self.tally.publish();
        let envelope = self.events.write(Stamp { sequence, sent });
        self.connections[PUBLISHER].publish(&envelope);
    }

    /// Waits until everybody has everything, or nothing comes any more.
    fn drain(&mut self) -> Result<(), Error> {
        let (mut last, mut seen) = (Instant::now(), self.tally.delivered);
        while self.tally.under_way() > 0 {
            self.connections[PUBLISHER].flush().map_err(lost)?;
            self.turn(Duration::from_millis(5))?;
            if self.tally.delivered > seen {
                (last, seen) = (Instant::now(), self.tally.delivered);
            }
            if last.elapsed() > PATIENCE {
                for connection in &mut self.connections[PUBLISHER + 1..] {
                    self.tally.give_up(connection.reader());
                }
            }
        }
        Ok(())
    }

    /// Lets the hub come to rest, and answers its pings meanwhile.
    pub(super) fn rest(&mut self, time: Duration) -> Result<(), Error> {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.turn(Duration::from_millis(5))?;
        }
        Ok(())
    }

    /// What was lost, left out or disordered since everybody was connected.
    pub(super) fn counted(&self) -> Counted {
        let Tally { lost, missed, disordered, .. } = self.tally;
        Counted { lost, missed, disordered }
    }

    /// Handles what is there, or waits so long for it; whether there was anything.
    fn turn(&mut self, patience: Duration) -> Result<bool, Error> {
        match self.poll.poll(&mut self.ready, Some(patience)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            Err(source) => return Err(Error::System { doing: "watch connections", source }),
        }
        for event in &self.ready {
            let connection = &mut self.connections[event.token().0];
            if let Ok(Some(source)) | Err(source) = connection.stream().take_error() {
                return Err(lost(source));
            }
            if event.is_writable() {
                connection.flush().map_err(lost)?;
            }
            if event.is_readable() {
                let now = micros(self.begin.elapsed());
                let mut shared = Shared { events: &self.events, tally: &mut self.tally, now };
                connection.receive(&mut self.buffer, &mut shared).map_err(Error::Failed)?;
            }
        }
        Ok(!self.ready.is_empty())
    }
}

fn lost(source: io::Error) -> Error {
    Error::System { doing: "talk to the hub", source }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
