use std::sync::Arc;

use alk_pubsub::redis::RedisEventTarget;
use alk_pubsub::{ConnectionState, EventTarget, InProcessEventTarget};

use crate::cli::{RedisUrl, ServeArgs};
use crate::error::Error;
use crate::remote::start_redis;

/// Where the hub's events go round.
#[derive(Debug, Clone)]
pub(crate) enum Upstream {
    InProcess(InProcessEventTarget),
    Redis(RedisEventTarget),
}

impl Upstream {
    /// Connects, where there is something to connect to. A Redis that is not there yet is waited for while the hub runs.
    pub(super) async fn connect(arguments: &ServeArgs) -> Result<Self, Error> {
        let Some(url) = &arguments.redis else {
            return Ok(Self::InProcess(InProcessEventTarget::in_process()));
        };
        let target = start_redis(url, arguments.prefix.as_str()).await?;
        if target.state().current() == ConnectionState::Connected {
            log_connected(url, arguments);
        } else {
            tracing::warn!(%url, prefix = arguments.prefix, "Redis is not there yet; the hub is not ready until it is");
        }
        Ok(Self::Redis(target))
    }

    pub(super) fn target(&self) -> Arc<dyn EventTarget> {
        match self {
            Self::InProcess(target) => Arc::new(target.clone()),
            Self::Redis(target) => Arc::new(target.clone()),
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::InProcess(_) => "in_process",
            Self::Redis(_) => "redis",
        }
    }

    /// Messages of the upstream that were no events.
    pub(crate) fn refused_messages(&self) -> u64 {
        match self {
            Self::InProcess(_) => 0,
            Self::Redis(target) => target.refused_messages(),
        }
    }
}

fn log_connected(url: &RedisUrl, arguments: &ServeArgs) {
    tracing::info!(%url, prefix = arguments.prefix, "connected to Redis");
}

/// The name of a state, for programs.
pub(crate) fn name(state: ConnectionState) -> &'static str {
    match state {
        ConnectionState::Connecting => "connecting",
        ConnectionState::Connected => "connected",
        ConnectionState::Reconnecting => "reconnecting",
        _ => "closed",
    }
}

/// Logs what becomes of the connection, until it will not be made again.
pub(super) async fn watch(target: &dyn EventTarget) {
    let mut state = target.state();
    // It may be so by now.
    if state.current() == ConnectionState::Closed {
        return;
    }
    loop {
        match state.changed().await {
            ConnectionState::Closed => return,
            ConnectionState::Connected => tracing::info!("the upstream is connected"),
            state => tracing::warn!(state = name(state), "the upstream is not connected"),
        }
    }
}
