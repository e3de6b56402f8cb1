//! Workers against the plainest thing that could be there instead, in one run.
//!
//! ```sh
//! cargo run --release -p alk-pubsub-worker --example worker_bench
//! ```
//!
//! *Ping-pong*: one event goes there, one comes back, then the next. *One way*: events go to the worker as fast as it takes them, until it
//! says that it has all of them. Beside a thread stands a thread of the same kind with a pair of bounded Tokio channels; beside a process, one
//! with a socket pair and tokio-util's `LengthDelimitedCodec`, which moves bytes and looks at none; and, since events are encoded and decoded,
//! the same with `serde_json` around it. All take turns, round after round; a ratio is that of the medians, above 1 where the worker is faster. The first argument is the number of rounds, 7 by default.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that measures prints, and fails by panicking"
)]

#[cfg(unix)]
#[path = "worker_bench/process.rs"]
mod process;
#[path = "worker_bench/thread.rs"]
mod thread;

use std::time::Duration;

/// What an event carries, in the processes' case as text.
const PAYLOAD: &str = "sixty-four bytes of text, as a status or a small message might be";

/// How many of each kind in a round.
const PINGS: u64 = 10_000;
const EVENTS: u64 = 300_000;

/// How many events may wait.
const QUEUE: usize = 1024;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        #[cfg(unix)]
        if process::is_child() {
            return process::child().await;
        }
        let rounds = std::env::args().nth(1).map_or(7, |rounds| rounds.parse().unwrap());
        let mut table = Table::default();
        for _ in 0..rounds {
            table.add("thread, ping-pong", thread::plain_pings().await, thread::pings().await, PINGS);
            table.add("thread, one way", thread::plain_one_way().await, thread::one_way().await, EVENTS);
            #[cfg(unix)]
            {
                let ours = process::pings().await;
                table.add("process, ping-pong", process::plain_pings(false).await, ours, PINGS);
                table.add("  against JSON", process::plain_pings(true).await, ours, PINGS);
                let ours = process::one_way().await;
                table.add("process, one way", process::plain_one_way(false).await, ours, EVENTS);
                table.add("   against JSON", process::plain_one_way(true).await, ours, EVENTS);
            }
        }
        table.print();
    });
}

#[derive(Default)]
struct Table(Vec<Row>);

struct Row {
    name: &'static str,
    count: u64,
    plain: Vec<Duration>,
    ours: Vec<Duration>,
}

impl Table {
    fn add(&mut self, name: &'static str, plain: Duration, ours: Duration, count: u64) {
        if !self.0.iter().any(|row| row.name == name) {
            self.0.push(Row { name, count, plain: Vec::new(), ours: Vec::new() });
        }
        for row in self.0.iter_mut().filter(|row| row.name == name) {
            row.plain.push(plain);
            row.ours.push(ours);
        }
    }

    fn print(&mut self) {
        println!("{:20} {:>14} {:>14} {:>7}", "median, each", "plain", "worker", "ratio");
        for Row { name, count, plain, ours } in &mut self.0 {
            let (plain, ours) = (median(plain).as_secs_f64(), median(ours).as_secs_f64());
            let each = |seconds: f64| format!("{:.0} ns", seconds * 1e9 / *count as f64);
            println!("{name:20} {:>14} {:>14} {:>7.2}", each(plain), each(ours), plain / ours);
        }
    }
}

fn median(rounds: &mut [Duration]) -> Duration {
    rounds.sort();
    rounds[rounds.len() / 2]
}
