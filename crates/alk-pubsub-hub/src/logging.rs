//! Logs go to standard error; standard output is for what was asked for.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Where the level can be set, as `debug` or `alk_pubsub_ws_server=debug,info`. Default `info`.
const LEVEL: &str = "ALK_HUB_LOG";

pub(crate) fn init(format: LogFormat) {
    let level = EnvFilter::try_from_env(LEVEL).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(level).with_writer(stderr);
    // Somebody who embeds `run` may have set up logging already, which is fine.
    let _ = match format {
        LogFormat::Text => subscriber.with_ansi(stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    // At this level tungstenite, among others, writes down whole frames, and those of `__refresh` hold tokens.
    log::set_max_level(log::max_level().min(log::LevelFilter::Debug));
}

/// For commands that say themselves what there is to say: logs only where a level was set.
pub(crate) fn init_if_asked(format: LogFormat) {
    if std::env::var_os(LEVEL).is_some() {
        init(format);
    }
}
