use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::process::{Hub, LOAD_CORE, alk_hub, on_core};

/// What the load is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) transport: Transport,
    pub(super) listeners: usize,
    pub(super) pace: Pace,
    pub(super) milliseconds: usize,
    /// Bytes of each.
    pub(super) payload: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Transport {
    WebSockets,
    EventStreams,
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
        // What a hub makes for its first connection, and keeps, is no part of what others cost.
        let warmed =
            self.command(hub, 1, 0)?.stdout(Stdio::null()).status().context("cannot start the load")?;
        ensure!(warmed.success(), "the hub does not bear the first connection");
        let mut command = self.command(hub, self.listeners, self.milliseconds)?;
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
            bytes_per_connection: idle / self.listeners as f64,
            p50_ms: number(&done["latency_us"]["p50"])? / 1e3,
            p99_ms: number(&done["latency_us"]["p99"])? / 1e3,
        })
    }

    fn command(self, hub: &Hub, listeners: usize, milliseconds: usize) -> Result<Command> {
        let mut command = on_core(LOAD_CORE, &alk_hub()?);
        command.args(["bench", "--json", "--hub", &hub.url, "--dialect", hub.dialect]);
        command.args([
            "--transport",
            match self.transport {
                Transport::WebSockets => "ws",
                Transport::EventStreams => "sse",
            },
        ]);
        command.args(["--connections", &listeners.to_string(), "--payload-bytes", &self.payload.to_string()]);
        let warm_up = milliseconds.min(300);
        command.args(["--warm-up", &format!("{warm_up}ms"), "--duration", &format!("{milliseconds}ms")]);
        match self.pace {
            Pace::Window(events) => command.args(["--window", &events.to_string()]),
            Pace::Rate(events) => command.args(["--rate", &events.to_string()]),
        };
        Ok(command)
    }
}
