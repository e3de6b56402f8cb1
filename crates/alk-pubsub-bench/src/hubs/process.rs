use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::contender::Contender;
use super::external::{self, External};
use crate::installed::until_it_listens;

/// The core of the hub and that of the load.
pub(super) const HUB_CORE: usize = 0;
pub(super) const LOAD_CORE: usize = 1;

/// A hub that runs. It is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Hub {
    child: Child,
    pub(super) url: String,
    pub(super) dialect: &'static str,
    /// Kept, so that it may go on to print.
    output: BufReader<ChildStdout>,
    /// Of its files, if it needs any.
    folder: Option<PathBuf>,
}

impl Hub {
    /// Starts one; `arguments` are for ours.
    pub(super) fn start(contender: Contender, arguments: &[&str]) -> Result<Self> {
        let (mut port, mut folder) = (None, None);
        let mut command = match contender {
            Contender::StandIn(stand_in) => {
                let mut command = on_core(HUB_CORE, &std::env::current_exe()?);
                stand_in.start_with(&mut command);
                command
            }
            Contender::Ours => {
                let mut command = on_core(HUB_CORE, &alk_hub()?);
                command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
                command
            }
            Contender::External(external) => {
                let files = folder.insert(new_folder()?);
                let (program, arguments, listens) = external.command(files)?;
                port = listens;
                let mut command = on_core(HUB_CORE, &program);
                command.args(arguments);
                if external == External::NodeWs {
                    external::with_modules(&mut command);
                }
                // It talks about every client.
                command.stderr(Stdio::null());
                command
            }
        };
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start a hub")?;
        let output = BufReader::new(child.stdout.take().context("it has no output")?);
        let dialect = contender.dialect();
        let mut hub = Self { child, url: String::new(), dialect, output, folder };
        hub.url = match port {
            Some(port) => {
                until_it_listens(port)?;
                format!("ws://127.0.0.1:{port}/")
            }
            None => {
                let mut line = String::new();
                hub.output.read_line(&mut line)?;
                let (_, address) =
                    line.trim().rsplit_once("://").context("the hub does not say where it listens")?;
                format!("ws://{address}/ws")
            }
        };
        Ok(hub)
    }

    /// Seconds of a processor that it has used so far.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let mut ticks = 0.0;
        for id in self.processes() {
            let text = std::fs::read_to_string(format!("/proc/{id}/stat"))
                .context("only Linux tells what a hub uses")?;
            // Behind the name, which may hold anything, the state is the first: the times are the 12th and 13th.
            let (_, fields) = text.rsplit_once(')').context("a name")?;
            let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
            ticks += times.sum::<Result<f64, _>>()?;
        }
        Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Bytes of memory that it has written to. Pages of its program, which come as it first runs through them, are not in it.
    pub(super) fn memory(&self) -> Result<f64> {
        let mut kib = 0.0;
        for id in self.processes() {
            let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup"))
                .context("only Linux tells what a hub uses")?;
            kib += written_to(&text).context("the system does not say what a hub has written to")?;
        }
        Ok(kib * 1024.0)
    }

    /// It and those that it started, as nginx does.
    fn processes(&self) -> Vec<u32> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        children.split_whitespace().filter_map(|id| id.parse().ok()).chain([id]).collect()
    }
}

/// KiB that are not pages of a file, those that several have in part.
fn written_to(smaps: &str) -> Option<f64> {
    let of = |name| {
        let line = smaps.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse::<f64>().ok()
    };
    Some(of("Pss_Anon:")? + of("Pss_Shmem:")?)
}

impl Drop for Hub {
    #[allow(clippy::disallowed_methods, reason = "there is no runtime here")]
    fn drop(&mut self) {
        // Asked first: who has started others ends them.
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let asked = self.folder.is_some() && id.is_some_and(|id| kill_process(id, Signal::TERM).is_ok());
        let begin = Instant::now();
        while asked && begin.elapsed() < Duration::from_secs(5) && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn new_folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("alk-pubsub-bench-hub-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The built hub, which lies beside this program.
pub(super) fn alk_hub() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("alk-hub");
    ensure!(program.is_file(), "there is no {}: `cargo xtask bench` builds it", program.display());
    Ok(program)
}

/// On one core alone, where that can be said.
pub(super) fn on_core(core: usize, program: &Path) -> Command {
    if !pinned() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Whether hub and load have a core each.
pub(super) fn pinned() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let taskset =
        Command::new("taskset").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    cores > 1 && taskset.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::written_to;

    #[test]
    fn pages_of_files_are_not_in_it() {
        let smaps = "55d-7ff ---p 00000000 00:00 0 [rollup]\nRss: 9000 kB\nPss: 5000 kB\nPss_Dirty: 900 kB\n\
                     Pss_Anon:             812 kB\nPss_File:            4000 kB\nPss_Shmem:             30 kB\n";
        assert_eq!(written_to(smaps), Some(842.0));
        assert_eq!(written_to("Rss: 9000 kB\n"), None);
    }
}
