use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

/// Longer lines are logged in pieces.
const LINE: usize = 8 << 10;

/// Reads what a process writes to pipes that nobody else reads, and logs it line by line, so that it never waits for a reader.
pub(super) fn log_output(child: &mut Child, name: &Arc<str>) -> impl Future<Output = ()> + Send + use<> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (out_name, err_name) = (name.clone(), name.clone());
    async move {
        let out = async {
            if let Some(out) = out {
                lines(out, |line| tracing::info!(worker = &*out_name, "{line}")).await;
            }
        };
        let err = async {
            if let Some(err) = err {
                lines(err, |line| tracing::warn!(worker = &*err_name, "{line}")).await;
            }
        };
        futures_util::future::join(out, err).await;
    }
}

async fn lines(mut stream: impl AsyncRead + Unpin, mut log: impl FnMut(&str)) {
    let mut buffer = Vec::with_capacity(LINE);
    // A pipe that breaks has ended too.
    while let Ok(1..) = stream.read_buf(&mut buffer).await {
        let mut rest = &buffer[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            log(&String::from_utf8_lossy(&rest[..end]));
            rest = &rest[end + 1..];
        }
        if rest.len() >= LINE {
            log(&String::from_utf8_lossy(rest));
            rest = &[];
        }
        let read = buffer.len() - rest.len();
        buffer.drain(..read);
    }
    if !buffer.is_empty() {
        log(&String::from_utf8_lossy(&buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE, lines};

    #[tokio::test]
    async fn lines_are_told_apart_and_long_ones_cut() {
        let long = "x".repeat(3 * LINE);
        let text = format!("one\n\ntwo\n{long}\nlast");
        let mut logged = Vec::new();
        lines(text.as_bytes(), |line| logged.push(line.to_owned())).await;
        assert_eq!(logged[..3], ["one", "", "two"]);
        assert_eq!(logged.last().expect("there are some"), "last");
        assert_eq!(logged[3..logged.len() - 1].concat(), long);
        assert!(logged.iter().all(|line| line.len() <= 2 * LINE));
    }
}
