use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept::Acceptor;
use super::addresses::Addresses;
use super::banner;
use super::hub::Hub;
use super::listen::listen;
use super::origins::Origins;
use super::router::router;
use super::shutdown::drain;
use super::tls::Tls;
use super::upstream::{Upstream, watch};
use crate::auth::{HubAuthorizer, Keys};
use crate::cli::ServeArgs;
use crate::error::Error;
use crate::signals::{HangUps, Signals};

/// How a hub ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everybody was let go, or cut at the deadline.
    Drained,
    /// A second signal said not to wait.
    GaveUp,
}

/// Why it ends although nobody asked for it: whoever watches it may have an idea, and starts it again.
const LOST: &str = "the upstream is lost for good";

/// Runs a hub until a signal ends it.
pub(crate) async fn serve(arguments: &ServeArgs) -> Result<Ended, Error> {
    let no_signals = |source| Error::System { doing: "listen to signals", source };
    let mut signals = Signals::listen().map_err(no_signals)?;
    let mut hang_ups = HangUps::listen().map_err(no_signals)?;
    let tls = Tls::load(arguments)?.map(Arc::new);
    let keys = Keys::load(arguments)?;
    let (listener, rights) = listen(arguments).await?;
    let address =
        listener.local_addr().map_err(|source| Error::System { doing: "tell its address", source })?;
    more_files();
    let upstream = tokio::select! {
        upstream = Upstream::connect(arguments) => upstream?,
        _ = signals.next() => return Ok(Ended::GaveUp),
    };

    let hub = Arc::new(Hub::new(arguments, HubAuthorizer::new(keys, rights), upstream));
    let (clients, cut) = (TaskTracker::new(), CancellationToken::new());
    let origins = Origins::new(&arguments.allow_origin, address.ip().to_canonical().is_loopback());
    let acceptor = Acceptor {
        hub: hub.clone(),
        router: router(hub.clone(), origins),
        tls: tls.clone(),
        addresses: Addresses::new(arguments.connections_per_address()),
        handshake_timeout: arguments.handshake_timeout,
        turned_away: AtomicBool::new(false),
        clients: clients.clone(),
        cut: cut.clone(),
    };
    let accepting = tokio::spawn(acceptor.run(listener));
    let sampling = hub.clone();
    tokio::spawn(cut.clone().run_until_cancelled_owned(async move { sampling.metrics.run().await }));
    banner::print(address, tls.is_some(), arguments.asks_for_tokens(), rights);
    tracing::info!(%address, "ready");

    let reason = tokio::select! {
        signal = signals.next() => signal,
        () = watch(&*hub.target) => LOST,
        never = reload(&mut hang_ups, tls.as_deref()) => match never {},
    };
    tracing::info!(reason, deadline = %humantime::format_duration(arguments.drain), "draining");
    let ended = tokio::select! {
        () = drain(&hub, &clients, &cut, arguments.drain) => Ended::Drained,
        signal = signals.next() => {
            tracing::warn!(signal, "ending at once");
            cut.cancel();
            Ended::GaveUp
        }
    };
    // It ends with the cut; that it panicked was logged where it did.
    let _ = accepting.await;
    if reason == LOST { Err(Error::RedisLost) } else { Ok(ended) }
}

/// Reads again, at each signal, what may change while the hub runs. For ever.
async fn reload(hang_ups: &mut HangUps, tls: Option<&Tls>) -> Infallible {
    loop {
        hang_ups.next().await;
        match tls {
            Some(tls) => tls.reload(),
            None => tracing::info!("SIGHUP: there is no certificate to read again"),
        }
    }
}

/// Each client takes a file descriptor, and shells give a program few of those that it may have.
fn more_files() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::debug!(limit, "file descriptors"),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of file descriptors"),
    }
}
