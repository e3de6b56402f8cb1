use std::any::Any;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::client::Client;
use super::progress::Progress;
use super::{bare, fred, ours, redis_rs};
use crate::runtime::runtime;

const WHICH: &str = "ALK_PUBSUB_BENCH_LISTENERS";
/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The subscribers, in a process of their own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listeners {
    pub(super) client: String,
    pub(super) url: String,
    pub(super) subscribers: usize,
    /// The number of the last event.
    pub(super) last: u64,
}

impl Listeners {
    /// What this process is to be, if it is one of them.
    pub(crate) fn of_this_process() -> Option<Self> {
        serde_json::from_str(&std::env::var(WHICH).ok()?).ok()
    }

    /// Listens, and prints how far the slowest is, line by line.
    pub(crate) fn run(&self) -> Result<()> {
        let Self { client, url, subscribers, last } = self;
        let client = Client::named(client).context("nobody is called so")?;
        runtime(0)?.block_on(async {
            let progress = Progress::new(*subscribers, *last);
            let _kept: Box<dyn Any> = match client {
                Client::Fred => Box::new(fred::listen(url, &progress).await?),
                Client::RedisRs => Box::new(redis_rs::listen(url, &progress).await?),
                Client::BareResp => bare::Dialect::Resp.listen(url, &progress)?,
                Client::BareNats => bare::Dialect::Nats.listen(url, &progress)?,
                Client::Ours => ours::listen(url, &progress).await?,
            };
            println!("0");
            progress.tell(|next| println!("{next}")).await;
            let [p50, p99] = progress.late();
            println!("late {p50} {p99}");
            Ok(())
        })
    }

    /// Starts them; they are ended when what this returns is dropped.
    pub(super) fn start(&self) -> Result<Running> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(WHICH, serde_json::to_string(self)?);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("it has no output")?).lines();
        let heard = Arc::new(Heard::default());
        let hears = heard.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                hears.line(&line);
            }
            hears.ended.store(true, Ordering::Release);
            hears.changed.notify_one();
        });
        Ok(Running { child, heard })
    }
}

/// Ends this process: what it listens to has failed, and nobody waits for that alone.
pub(super) fn give_up(error: &anyhow::Error) -> ! {
    eprintln!("a subscriber failed: {error:#}");
    std::process::exit(1)
}

/// Subscribers that run, and what they said.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    heard: Arc<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    /// One more than the last number that the slowest has received; zero until all listen.
    next: AtomicU64,
    late: OnceLock<[f64; 2]>,
    ended: AtomicBool,
    changed: Notify,
}

impl Heard {
    fn line(&self, line: &str) {
        match line.strip_prefix("late ").and_then(|late| late.split_once(' ')) {
            Some((p50, p99)) => {
                let late = [p50, p99].map(|number| number.parse().unwrap_or(f64::NAN));
                let _ = self.late.set(late);
            }
            None => self.next.store(line.parse().unwrap_or(0), Ordering::Release),
        }
        self.changed.notify_one();
    }
}

impl Running {
    /// Whether all have received something.
    pub(super) fn listen(&self) -> bool {
        self.heard.next.load(Ordering::Acquire) > 0
    }

    /// Waits until all have received everything before `next`.
    ///
    /// # Errors
    ///
    /// They have ended, or get no further.
    pub(super) async fn until(&self, next: u64) -> Result<()> {
        self.wait(|heard| heard.next.load(Ordering::Acquire) >= next).await
    }

    /// How late events were, in microseconds, once all have come.
    pub(super) async fn late(&self) -> Result<[f64; 2]> {
        self.wait(|heard| heard.late.get().is_some()).await?;
        self.heard.late.get().copied().context("it was said")
    }

    /// Lets a moment pass, or less if they say something.
    pub(super) async fn moment(&self) {
        let _ = timeout(Duration::from_millis(1), self.heard.changed.notified()).await;
    }

    async fn wait(&self, done: impl Fn(&Heard) -> bool) -> Result<()> {
        let begin = Instant::now();
        while !done(&self.heard) {
            let next = self.heard.next.load(Ordering::Acquire);
            ensure!(!self.heard.ended.load(Ordering::Acquire), "the subscribers ended at {next}");
            ensure!(begin.elapsed() < PATIENCE, "a subscriber got no further than {next}");
            self.moment().await;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
