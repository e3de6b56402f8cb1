use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

/// So many workers; none is the runtime of the current thread.
pub(crate) fn runtime(workers: usize) -> Result<Runtime> {
    let mut builder = if workers == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build().context("cannot start a runtime")
}

/// How a table calls it.
pub(crate) fn runtime_name(workers: usize) -> String {
    if workers == 0 { "current thread".to_owned() } else { format!("{workers} workers") }
}
