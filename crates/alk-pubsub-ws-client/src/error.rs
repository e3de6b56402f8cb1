//! What goes wrong in tungstenite, as errors of ours.

use std::time::Duration;

use alk_pubsub_link::{Error, ErrorKind};
use http::{Response, StatusCode, header};
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

/// A connection that was there.
pub(crate) fn broken(error: tungstenite::Error) -> Error {
    use tungstenite::Error as Ws;
    let (kind, message) = match &error {
        Ws::ConnectionClosed | Ws::AlreadyClosed => (ErrorKind::Closed, "the hub has closed the connection"),
        Ws::Capacity(_) => (ErrorKind::TooLarge, "a message of the hub is too large"),
        Ws::Protocol(_) | Ws::Utf8(_) | Ws::AttackAttempt => {
            (ErrorKind::Protocol, "what the hub sends is no WebSocket")
        }
        _ => (ErrorKind::Io, "the connection to the hub broke"),
    };
    Error::with_source(kind, message, error)
}

/// A connection that was to be made. Whether another `token` may be had next time decides whether a hub that does not
/// let us in is asked again.
pub(crate) fn handshake(error: tungstenite::Error, another_token: bool) -> Error {
    match error {
        tungstenite::Error::Http(response) => refused(&response, another_token),
        // A server that does not know the protocol does not learn it while we wait.
        tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => Error::with_source(
            ErrorKind::Protocol,
            "the server has a WebSocket there, but does not name a subprotocol of ours, such as alk-pubsub.v1.json, in its \
             answer: it is no hub, or a proxy takes Sec-WebSocket-Protocol away",
            error,
        )
        .retryable(false),
        tungstenite::Error::Io(_) => {
            Error::with_source(ErrorKind::Io, "the WebSocket handshake broke", error)
        }
        error => Error::with_source(ErrorKind::Protocol, "the server does not answer as a hub does", error),
    }
}

fn refused(response: &Response<Option<Vec<u8>>>, another_token: bool) -> Error {
    let status = response.status();
    let error = if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let message = format!("the hub does not let us in: {status}");
        return Error::new(ErrorKind::Refused, message).retryable(another_token);
    } else if status.is_redirection() {
        let message =
            format!("the server redirects ({status}), which is not followed: use the hub's own address");
        Error::new(ErrorKind::Protocol, message)
    } else {
        Error::new(ErrorKind::Protocol, format!("the server answered {status} instead of a WebSocket"))
    };
    let error = error.retryable(may_change(status));
    let retry_after =
        response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    match retry_after {
        Some(seconds) => error.after(Duration::from_secs(seconds)),
        None => error,
    }
}

/// Whether a server that answers so may answer differently next time although nobody has changed our settings: there is no
/// hub at this address, or there is one that is busy.
fn may_change(status: StatusCode) -> bool {
    let for_now = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    !(status.is_redirection() || status.is_client_error()) || for_now.contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, headers: &[(&str, &str)], another_token: bool) -> Error {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(None).expect("a response");
        handshake(tungstenite::Error::Http(Box::new(response)), another_token)
    }

    #[test]
    fn who_is_not_let_in_is_not_back_without_another_token() {
        for status in [401, 403] {
            let error = http(status, &[], false);
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Refused, false));
            assert!(http(status, &[], true).is_retryable());
        }
    }

    #[test]
    fn an_address_without_a_hub_is_told_from_a_hub_that_is_busy() {
        let cases = [
            (true, &[200, 408, 425, 429, 500, 502, 503, 504][..]),
            (false, &[301, 302, 307, 308, 400, 404, 405, 410, 426]),
        ];
        for (retryable, status) in
            cases.iter().flat_map(|(retryable, all)| all.iter().map(|one| (*retryable, *one)))
        {
            let error = http(status, &[("location", "http://elsewhere.example")], true);
            assert_eq!(
                (error.kind(), error.is_retryable(), error.retry_after()),
                (ErrorKind::Protocol, retryable, None)
            );
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
    }

    #[test]
    fn retry_after_is_heard() {
        for status in [429, 503] {
            let error = http(status, &[("retry-after", "7")], false);
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        }
        assert_eq!(http(503, &[("retry-after", "soon")], false).retry_after(), None);
    }
}
