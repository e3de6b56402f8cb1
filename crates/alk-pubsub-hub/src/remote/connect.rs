use std::io::{IsTerminal, Write};
use std::sync::Arc;

use alk_pubsub::redis::RedisEventTarget;
use alk_pubsub::{Bounds, ConnectionState, EventTarget, Interest, StateWatch};

use super::client::Credentials;
use crate::cli::{RedisUrl, RemoteArgs};
use crate::error::{Error, described};

/// How much of what is published may be on its way to a hub. More than a publisher here has on its way, so that none waits
/// for room, and all are in order.
const QUEUE_BYTES: usize = 64 << 20;

/// Connects; what is lost later is made again.
pub(crate) async fn connect(arguments: RemoteArgs) -> Result<Arc<dyn EventTarget>, Error> {
    let RemoteArgs { hub, redis, prefix, ca_file, bearer } = arguments;
    if let Some(url) = redis {
        return Ok(Arc::new(connect_redis(&url, prefix).await?));
    }
    let url = hub.unwrap_or_default();
    let builder = Credentials::read(bearer, ca_file.as_deref())?.client(&url).queue_bytes(QUEUE_BYTES);
    match builder.connect().await {
        Ok(target) => Ok(Arc::new(target)),
        Err(source) => Err(Error::Hub { url, source }),
    }
}

/// Connects to Redis, if it is there within ten seconds.
async fn connect_redis(url: &RedisUrl, prefix: impl Into<String>) -> Result<RedisEventTarget, Error> {
    let connecting = RedisEventTarget::builder(url.secret()).prefix(prefix).connect();
    connecting.await.map_err(|source| Error::Redis { url: url.clone(), source })
}

/// Connects to Redis, or begins to and goes on trying if it is not there. It is an error if it is there and refuses us.
pub(crate) async fn start_redis(
    url: &RedisUrl,
    prefix: impl Into<String>,
) -> Result<RedisEventTarget, Error> {
    let starting = RedisEventTarget::builder(url.secret()).prefix(prefix).start();
    starting.await.map_err(|source| Error::Redis { url: url.clone(), source })
}

/// Resolves when the connection is lost and will not be made again.
pub(crate) async fn lost(mut state: StateWatch) {
    while state.current() != ConnectionState::Closed {
        state.changed().await;
    }
}

/// Why there will be no connection any more.
pub(crate) async fn why_lost(target: &dyn EventTarget) -> String {
    match target.subscribe_raw(Interest::Everything, Bounds::default()).await {
        Err(error) => described(&error),
        Ok(_) => "it was closed".to_owned(),
    }
}

/// Says on standard error when the connection is lost, and when it is back. For ever.
pub(crate) async fn tell_losses(mut state: StateWatch) {
    let mut lost = false;
    // There may be a line that says how far it is.
    let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    loop {
        match state.changed().await {
            ConnectionState::Reconnecting if !lost => {
                lost = true;
                let _ = writeln!(std::io::stderr(), "{clear}alk-hub: the connection is lost; trying again");
            }
            ConnectionState::Connected if lost => {
                lost = false;
                let _ = writeln!(std::io::stderr(), "{clear}alk-hub: connected again");
            }
            _ => {}
        }
    }
}
