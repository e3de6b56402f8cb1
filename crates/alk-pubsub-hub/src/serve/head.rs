//! What a connection begins with. It is read before it is decided who serves it.

use std::io;

use axum::body::Body;
use axum::extract::Request;
use http::{HeaderName, HeaderValue, header};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How large the head of a request may be.
pub(super) const MAX_HEAD: usize = 16 << 10;
/// How many headers a request may have.
pub(super) const MAX_HEADERS: usize = 100;

/// How requests for event streams begin.
const EVENTS: &[u8] = b"GET /events";
/// Room for most heads.
const ROOM: usize = 1 << 10;

/// What has come, as far as it is known what it is.
#[derive(Debug)]
pub(super) enum First {
    /// Something for whoever serves requests of all kinds.
    Any,
    /// A request for an event stream, all of it and nothing else.
    Events(Box<Request>),
}

/// Reads so much that it is known what it is. All that was read is in `read`. Cancel safe.
pub(super) async fn first(socket: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> io::Result<First> {
    loop {
        if read.len() == read.capacity() {
            read.reserve(ROOM);
        }
        let before = read.len();
        let is_over = socket.read_buf(read).await? == 0;
        let common = read.len().min(EVENTS.len());
        if is_over || read.len() >= MAX_HEAD || read[..common] != EVENTS[..common] {
            return Ok(First::Any);
        }
        // A head ends with a line; looking at every byte of one that comes byte by byte would be dear.
        if read[before..].contains(&b'\n')
            && let Some(first) = parse(read)
        {
            return Ok(first);
        }
    }
}

/// Resolves when the client has gone. What else it says is in `read`, and nothing is lost of it. Cancel safe.
pub(super) async fn gone(socket: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) {
    while read.len() < MAX_HEAD {
        if !matches!(socket.read_buf(read).await, Ok(1..)) {
            return;
        }
    }
    // Who says so much has not gone, as far as can be seen.
    std::future::pending::<()>().await;
}

/// `None` while more is to come.
fn parse(read: &[u8]) -> Option<First> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    Some(match request.parse(read) {
        Ok(httparse::Status::Partial) => return None,
        Ok(httparse::Status::Complete(size)) if size == read.len() => {
            events(&request).map_or(First::Any, |request| First::Events(Box::new(request)))
        }
        // What is wrong with it is said by whoever serves it.
        Ok(httparse::Status::Complete(_)) | Err(_) => First::Any,
    })
}

/// The request, if it asks for an event stream in the way that everybody does.
fn events(request: &httparse::Request<'_, '_>) -> Option<Request> {
    const OTHERS: [HeaderName; 4] =
        [header::CONTENT_LENGTH, header::EXPECT, header::TRANSFER_ENCODING, header::UPGRADE];
    let uri: http::Uri = request.path?.parse().ok()?;
    if request.method != Some("GET") || request.version != Some(1) || uri.path() != "/events" {
        return None;
    }
    let mut asked = Request::new(Body::empty());
    *asked.uri_mut() = uri;
    for line in &*request.headers {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        if OTHERS.contains(&name) {
            return None;
        }
        asked.headers_mut().append(name, HeaderValue::from_bytes(line.value).ok()?);
    }
    Some(asked)
}

#[cfg(test)]
mod tests {
    use std::io;

    use axum::extract::Request;
    use tokio::io::AsyncWriteExt;

    use super::{First, MAX_HEAD, MAX_HEADERS, first};

    /// What these pieces, read one after the other, are.
    async fn read(pieces: &[&[u8]]) -> (Option<Request>, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut read = Vec::new();
        let reading = first(&mut ours, &mut read);
        let writing = async {
            for piece in pieces {
                theirs.write_all(piece).await?;
                tokio::task::yield_now().await;
            }
            drop(theirs);
            io::Result::Ok(())
        };
        let (first, _) = tokio::join!(reading, writing);
        let request = match first.unwrap() {
            First::Any => None,
            First::Events(request) => Some(*request),
        };
        (request, read)
    }

    #[tokio::test]
    async fn a_request_for_a_stream_is_one_however_it_comes() {
        let whole: &[u8] =
            b"GET /events?topic=a:1&topic=b HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer x\r\nhost: two\r\n\r\n";
        for size in [1, 2, 7, 64, whole.len()] {
            let pieces: Vec<_> = whole.chunks(size).collect();
            let (request, read) = read(&pieces).await;
            let request = request.unwrap();
            assert_eq!(read, whole);
            assert_eq!(request.uri().query(), Some("topic=a:1&topic=b"));
            assert_eq!(request.headers()["authorization"], "Bearer x");
            assert_eq!(request.headers().get_all("host").iter().count(), 2, "nothing is left out");
        }
    }

    #[tokio::test]
    async fn everything_else_is_left_as_it_is() {
        let many = format!("GET /events HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        let long = format!("GET /events?topic={} HTTP/1.1\r\n\r\n", "x".repeat(MAX_HEAD));
        for other in [
            "",
            "G",
            "POST /events HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET /events",
            "GET /events/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /eventsource HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /events HTTP/1.0\r\n\r\n",
            "GET /events HTTP/2.0\r\n\r\n",
            "GET /events HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
            "GET /events HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET /events HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
            "GET /events HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
            "GET /events HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "GET /events HTTP/1.1\r\nHost\r\n\r\n",
            "GET /events HTTP/1.1\r\nHost: \u{1}\r\n\r\n",
            "GET /events\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
            &many,
            &long,
        ] {
            let (request, read) = read(&[other.as_bytes()]).await;
            assert!(request.is_none(), "{other}");
            assert!(other.as_bytes().starts_with(&read), "{other}");
        }
    }
}
