use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::stand_in::StandIn;

/// The core of the hub and that of the load.
pub(super) const HUB_CORE: usize = 0;
pub(super) const LOAD_CORE: usize = 1;

/// A hub that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Hub {
    child: Child,
    pub(super) url: String,
    /// Kept, so that it may go on to print.
    _output: BufReader<ChildStdout>,
}

impl Hub {
    /// Starts ours, or what stands in for one.
    pub(super) fn start(stand_in: Option<StandIn>) -> Result<Self> {
        let this = std::env::current_exe()?;
        let mut command = match stand_in {
            Some(stand_in) => {
                let mut command = on_core(HUB_CORE, &this);
                stand_in.start_with(&mut command);
                command
            }
            None => {
                let mut command = on_core(HUB_CORE, &alk_hub()?);
                command.args(["serve", "--listen", "127.0.0.1:0"]);
                command
            }
        };
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start a hub")?;
        let mut output = BufReader::new(child.stdout.take().context("it has no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let (_, address) = line.trim().rsplit_once("://").context("the hub does not say where it listens")?;
        Ok(Self { child, url: format!("ws://{address}/ws"), _output: output })
    }

    /// Seconds of a processor that it has used so far.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(path).context("only Linux tells what a hub uses")?;
        // Behind the name, which may hold anything, the state is the first: the times are the 12th and 13th.
        let (_, fields) = text.rsplit_once(')').context("a name")?;
        let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        let ticks: f64 = times.sum::<Result<f64, _>>()?;
        Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Bytes of memory, in which what it shares with others counts in part.
    pub(super) fn memory(&self) -> Result<f64> {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = std::fs::read_to_string(path).context("only Linux tells what a hub uses")?;
        let line =
            text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no proportional set size")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024.0)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built hub, which lies beside this program.
pub(super) fn alk_hub() -> Result<std::path::PathBuf> {
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
