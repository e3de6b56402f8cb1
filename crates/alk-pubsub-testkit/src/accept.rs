//! Accepting connections, whatever becomes of some of them.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long after a failure the next try comes: there may be no descriptors left, and others need them to give some back.
const PAUSE: Duration = Duration::from_millis(10);

/// The next connection. One that failed before it was accepted, or a want of descriptors, is not the end.
pub(crate) async fn next_connection(listener: &TcpListener) -> TcpStream {
    let (stream, _) = first_success(|| listener.accept()).await;
    stream
}

async fn first_success<T, F: Future<Output = io::Result<T>>>(mut try_once: impl FnMut() -> F) -> T {
    loop {
        match try_once().await {
            Ok(success) => return success,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::first_success;

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_not_the_end() {
        let mut tries = 0;
        let accepted = first_success(|| {
            tries += 1;
            std::future::ready(if tries < 4 {
                Err(io::ErrorKind::ConnectionAborted.into())
            } else {
                Ok(tries)
            })
        });
        assert_eq!(accepted.await, 4);
    }
}
