use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::process::{Hub, LOAD_CORE, alk_hub, on_core};

/// What the load is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) transport: &'static str,
    pub(super) listeners: usize,
    pub(super) pace: Pace,
    pub(super) milliseconds: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// So many events are on their way at a time.
    Window(usize),
    /// So many events a second.
    Rate(usize),
}

/// What the load and the system said about a hub.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) deliveries_per_second: f64,
    pub(super) cpu_seconds_per_million: f64,
    pub(super) bytes_per_connection: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Load {
    /// Loads the hub.
    ///
    /// # Errors
    ///
    /// If an event was lost, came twice or too early, or was left out.
    pub(super) fn put_on(self, hub: &Hub) -> Result<Measured> {
        let Self { transport, listeners, pace, milliseconds } = self;
        let mut command = on_core(LOAD_CORE, &alk_hub()?);
        command.args(["bench", "--json", "--warm-up", "300ms", "--hub", &hub.url, "--transport", transport]);
        command.args(["--connections", &listeners.to_string(), "--duration", &format!("{milliseconds}ms")]);
        match pace {
            Pace::Window(events) => command.args(["--window", &events.to_string()]),
            Pace::Rate(events) => command.args(["--rate", &events.to_string()]),
        };
        let before = hub.memory()?;
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the load")?;
        let mut lines = BufReader::new(child.stdout.take().context("it has no output")?).lines();
        let mut state = |wanted: &str| -> Result<Value> {
            let line: Value = serde_json::from_str(&lines.next().context("the load ended")??)?;
            ensure!(line["state"] == wanted, "the load says {line}");
            Ok(line)
        };
        state("connected")?;
        let idle = hub.memory()? - before;
        state("measuring")?;
        let cpu = hub.cpu_seconds()?;
        let done = state("done")?;
        let cpu = hub.cpu_seconds()? - cpu;
        ensure!(
            child.wait()?.success() && done["missed_in_gaps"] == 0,
            "events were lost or left out: {done}"
        );
        let number = |value: &Value| value.as_f64().with_context(|| format!("a number is missing: {done}"));
        Ok(Measured {
            deliveries_per_second: number(&done["deliveries_per_second"])?,
            cpu_seconds_per_million: cpu / number(&done["delivered_in_all"])? * 1e6,
            bytes_per_connection: idle / listeners as f64,
            p50_ms: number(&done["latency_us"]["p50"])? / 1e3,
            p99_ms: number(&done["latency_us"]["p99"])? / 1e3,
        })
    }
}
