use std::io::Write;
use std::sync::Arc;

use alk_pubsub::redis::RedisEventTarget;
use alk_pubsub::ws_client::WsClientEventTarget;
use alk_pubsub::{ConnectionState, EventTarget, StateWatch};

use crate::cli::{RedisUrl, RemoteArgs};
use crate::error::Error;

/// How much of what is published may be on its way to a hub. More than a publisher here has on its way, so that none waits
/// for room, and all are in order.
const QUEUE_BYTES: usize = 64 << 20;

/// Connects; what is lost later is made again.
pub(crate) async fn connect(arguments: RemoteArgs) -> Result<Arc<dyn EventTarget>, Error> {
    let RemoteArgs { hub, redis, prefix } = arguments;
    if let Some(url) = redis {
        return Ok(Arc::new(connect_redis(&url, prefix).await?));
    }
    let url = hub.unwrap_or_default();
    let connecting = WsClientEventTarget::builder(url.as_str()).queue_bytes(QUEUE_BYTES).connect();
    match connecting.await {
        Ok(target) => Ok(Arc::new(target)),
        Err(source) => Err(Error::Hub { url, source }),
    }
}

/// Connects to Redis, if it is there within ten seconds.
pub(crate) async fn connect_redis(
    url: &RedisUrl,
    prefix: impl Into<String>,
) -> Result<RedisEventTarget, Error> {
    let connecting = RedisEventTarget::builder(url.secret()).prefix(prefix).connect();
    connecting.await.map_err(|source| Error::Redis { url: url.clone(), source })
}

/// Says on standard error when the connection is lost, and when it is back. For ever.
pub(crate) async fn tell_losses(mut state: StateWatch) {
    let mut lost = false;
    loop {
        match state.changed().await {
            ConnectionState::Reconnecting if !lost => {
                lost = true;
                let _ = writeln!(std::io::stderr(), "alk-hub: the connection is lost; trying again");
            }
            ConnectionState::Connected if lost => {
                lost = false;
                let _ = writeln!(std::io::stderr(), "alk-hub: connected again");
            }
            _ => {}
        }
    }
}
