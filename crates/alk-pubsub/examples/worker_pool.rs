//! Four worker threads take the SHA-256 of every file below a folder, and print it as `sha256sum` does.
//!
//! ```sh
//! cargo run --release --features worker --example worker_pool -- crates
//! ```
//!
//! A job is an event to one worker, a result an event to whoever wants to know. Each worker has a few jobs at a time and gets the next when
//! it has done one; the lines are put back into the order of the names. A file that cannot be read is complained of on the standard error,
//! and the exit status is 1 then. Ctrl-C ends all of it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use alk_pubsub::worker::{Outcome, Worker, WorkerHost, WorkerThreadEventTarget};
use alk_pubsub::{InProcessEventTarget, PubSub, event_map};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

event_map! {
    struct PoolEvents {
        /// A file to be read; the id is that of the worker.
        Hash("job") => Job,
        /// What came of it.
        Hashed("result") => Hashing,
    }
}

#[derive(Serialize, Deserialize)]
struct Job {
    number: u64,
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Hashing {
    number: u64,
    path: PathBuf,
    digest: Result<[u8; 32], String>,
}

const WORKERS: usize = 4;

/// How many jobs a worker has at a time, so that it need not wait for the next.
const JOBS_EACH: usize = 2;

/// How far the results may be ahead of the line that is printed next.
const MOST_AHEAD: u64 = 1024;

/// How long the workers have to end after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        complain("a folder is to be given");
        return ExitCode::from(2);
    };
    let interrupted = async { tokio::signal::ctrl_c().await.is_ok() };
    match run(Path::new(&folder), &mut io::stdout().lock(), interrupted).await {
        Ok(Summary { interrupted: true, .. }) => ExitCode::from(130),
        Ok(Summary { unreadable: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            complain(error);
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) files: u64,
    pub(crate) unreadable: u64,
    pub(crate) interrupted: bool,
}

/// Prints the digests of all files below `folder` to `out`, until `interrupted` resolves to true.
pub(crate) async fn run(
    folder: &Path,
    out: &mut impl Write,
    interrupted: impl Future<Output = bool>,
) -> Result<Summary, Box<dyn Error>> {
    let target = InProcessEventTarget::in_process();
    let pubsub = PubSub::<PoolEvents>::new(target.clone());
    let mut results = pubsub.subscribe(Hashed).await?;

    let host = WorkerHost::over(target);
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        let name = format!("hasher-{number}");
        let id = number.to_string();
        let (_, worker) = host.spawn(name, move |target| hasher(target, id))?;
        workers.push(worker);
    }
    for worker in &workers {
        worker.ready().await.map_err(|outcome| outcome.to_string())?;
    }

    let mut files = files_below(folder);
    let mut idle: Vec<String> = (0..JOBS_EACH * WORKERS).map(|job| (job % WORKERS).to_string()).collect();
    let mut ahead: BTreeMap<u64, Hashing> = BTreeMap::new();
    let mut next_job = 0;
    let mut summary = Summary::default();
    let mut progress = Progress::new();
    let mut interrupted = std::pin::pin!(interrupted);
    loop {
        while next_job < summary.files + MOST_AHEAD
            && !idle.is_empty()
            && let Some(path) = files.next()
        {
            let worker = idle.pop().unwrap_or_default();
            match path {
                Ok(path) => drop(pubsub.publish(Hash, worker, Job { number: next_job, path }).await?),
                Err((path, error)) => {
                    let digest = Err(error.to_string());
                    ahead.insert(next_job, Hashing { number: next_job, path, digest });
                    idle.push(worker);
                }
            }
            next_job += 1;
        }
        while let Some(hashing) = ahead.remove(&summary.files) {
            print(&hashing, out, &mut summary, &mut progress)?;
        }
        if summary.files == next_job {
            break;
        }
        let result = tokio::select! {
            result = results.recv() => result,
            true = &mut interrupted => {
                summary.interrupted = true;
                break;
            }
            died = any_ended(&workers) => return Err(format!("a worker {died}").into()),
        };
        let Some(result) = result else { break };
        idle.push(result.id().to_owned());
        let Hashing { number, path, digest } = result.payload();
        ahead.insert(*number, Hashing { number: *number, path: path.clone(), digest: digest.clone() });
    }
    progress.done();
    out.flush()?;
    futures_util::future::join_all(workers.iter().map(|worker| worker.close_within(PATIENCE))).await;
    Ok(summary)
}

/// A worker: hashes one file after the other until it is not wanted any more.
async fn hasher(target: WorkerThreadEventTarget, id: String) -> Result<(), alk_pubsub::Error> {
    let pubsub = PubSub::<PoolEvents>::new(target.clone());
    let mut jobs = pubsub.subscribe_to(Hash, &id).await?;
    target.ready();
    while let Some(job) = jobs.recv().await {
        let Job { number, path } = job.payload();
        let digest = digest_of(path).await.map_err(|error| error.to_string());
        pubsub.publish(Hashed, &id, Hashing { number: *number, path: path.clone(), digest }).await?;
    }
    Ok(())
}

/// Reads with blocking calls: this thread has nothing else to do.
async fn digest_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(digest.finalize().into());
        }
        digest.update(&buffer[..read]);
        // Here a worker can be ended in the middle of a large file.
        tokio::task::yield_now().await;
    }
}

async fn any_ended(workers: &[Worker]) -> Outcome {
    let ends = workers.iter().map(|worker| Box::pin(worker.join()));
    futures_util::future::select_all(ends).await.0
}

type Found = Result<PathBuf, (PathBuf, io::Error)>;

/// All files below a folder, those of a folder in the order of their names. Links below it are not followed.
fn files_below(folder: &Path) -> impl Iterator<Item = Found> + use<> {
    let mut waiting = vec![Ok(folder.to_owned())];
    let mut is_named = true;
    std::iter::from_fn(move || {
        loop {
            let path = match waiting.pop()? {
                Ok(path) => path,
                Err(failed) => return Some(Err(failed)),
            };
            // Who names a link means what it leads to.
            let metadata =
                if std::mem::take(&mut is_named) { path.metadata() } else { path.symlink_metadata() };
            let kind = match metadata {
                Ok(metadata) => metadata.file_type(),
                Err(error) => return Some(Err((path, error))),
            };
            if kind.is_file() {
                return Some(Ok(path));
            }
            if kind.is_dir() {
                let mut entries = match path.read_dir() {
                    Ok(entries) => entries
                        .map(|entry| entry.map(|entry| entry.path()).map_err(|error| (path.clone(), error)))
                        .collect::<Vec<Found>>(),
                    Err(error) => return Some(Err((path, error))),
                };
                entries.sort_by(|a, b| b.as_ref().ok().cmp(&a.as_ref().ok()));
                waiting.append(&mut entries);
            }
        }
    })
}

fn print(
    hashing: &Hashing,
    out: &mut impl Write,
    summary: &mut Summary,
    progress: &mut Progress,
) -> io::Result<()> {
    summary.files += 1;
    match &hashing.digest {
        Ok(digest) => out.write_all(&line(digest, &hashing.path))?,
        Err(error) => {
            summary.unreadable += 1;
            progress.done();
            complain(format_args!("{}: {error}", hashing.path.display()));
        }
    }
    progress.show(summary.files);
    Ok(())
}

/// A line as `sha256sum` prints it: one with a name that would break the line begins with a backslash, and the name is escaped.
fn line(digest: &[u8; 32], path: &Path) -> Vec<u8> {
    let name = path.as_os_str().as_encoded_bytes();
    let mut line = Vec::with_capacity(name.len() + 70);
    if name.iter().any(|byte| b"\\\n\r".contains(byte)) {
        line.push(b'\\');
    }
    for byte in digest {
        line.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    line.extend_from_slice(b"  ");
    for byte in name {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            byte => line.push(*byte),
        }
    }
    line.push(b'\n');
    line
}

/// How far it is, on a terminal.
struct Progress {
    terminal: bool,
    shown: Option<Instant>,
}

impl Progress {
    fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), shown: None }
    }

    fn show(&mut self, files: u64) {
        if self.terminal && self.shown.is_none_or(|shown| shown.elapsed() > Duration::from_millis(100)) {
            self.shown = Some(Instant::now());
            // Whoever closes the standard error does not want to see it.
            let _ = write!(io::stderr(), "\r{files} files");
        }
    }

    /// Clears the line.
    fn done(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn complain(what: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "worker_pool: {what}");
}
