use std::net::{SocketAddr, ToSocketAddrs};

use http::Uri;

use crate::cli::{BenchArgs, Dialect, HubUrl, Transport};
use crate::error::Error;

/// Where a hub is, and what to ask there.
pub(super) struct Place {
    pub(super) address: SocketAddr,
    host: String,
    target: String,
    pub(super) dialect: Dialect,
    token: Option<String>,
}

impl Place {
    /// Looks up the hub's address.
    ///
    /// # Errors
    ///
    /// If there is none, if it has TLS, or if the token cannot be read or be in a header.
    pub(super) fn find(arguments: &BenchArgs) -> Result<Self, Error> {
        let BenchArgs { hub, bearer, dialect, .. } = arguments;
        let (host, port, target) = parts(hub)?;
        let token = bearer.clone().read()?;
        if token.as_ref().is_some_and(|token| http::HeaderValue::from_str(token).is_err()) {
            return Err(Error::Usage("the token has characters that no token has".to_owned()));
        }
        let address =
            (host.trim_matches(['[', ']']), port).to_socket_addrs().ok().and_then(|mut all| all.next());
        let address = address.ok_or_else(|| Error::Failed(format!("there is no machine called `{host}`")))?;
        Ok(Self { address, host: format!("{host}:{port}"), target, dialect: *dialect, token })
    }

    /// How the publisher asks.
    pub(super) fn publisher(&self) -> String {
        self.upgrade(if self.dialect == Dialect::Nchan { "/pub" } else { &self.target })
    }

    /// How a listener asks.
    pub(super) fn listener(&self, transport: Transport, topic: &str) -> String {
        match (transport, self.dialect) {
            (Transport::Ws, Dialect::Nchan) => self.upgrade("/sub"),
            (Transport::Ws, _) => self.upgrade(&self.target),
            (Transport::Sse, Dialect::Nchan) => self.stream("/sub"),
            (Transport::Sse, _) => self.stream(&self.beside(topic)),
        }
    }

    fn upgrade(&self, target: &str) -> String {
        format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\n{}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: YWxrLWh1YiBiZW5jaCAuLg==\r\n\r\n",
            self.host,
            self.authorization()
        )
    }

    fn stream(&self, target: &str) -> String {
        format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\n{}Accept: text/event-stream\r\n\r\n",
            self.host,
            self.authorization()
        )
    }

    /// Event streams are beside the WebSockets.
    fn beside(&self, topic: &str) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/events?topic={topic}")
    }

    fn authorization(&self) -> String {
        self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default()
    }
}

fn parts(hub: &HubUrl) -> Result<(String, u16, String), Error> {
    let wrong = || Error::Usage(format!("`{hub}` is no address of a hub"));
    let uri: Uri = hub.secret().parse().map_err(|_| wrong())?;
    if uri.scheme_str() != Some("ws") {
        return Err(Error::Usage("`bench` speaks no TLS: measure the hub without it, by ws://".to_owned()));
    }
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?.to_owned();
    let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    Ok((host, uri.port_u16().unwrap_or(80), target))
}

#[cfg(test)]
mod tests {
    use super::{Place, parts};
    use crate::cli::{BenchArgs, Cli, Command, Transport};
    use clap::Parser;

    fn arguments(more: &[&str]) -> BenchArgs {
        let all = ["alk-hub", "bench"].iter().chain(more);
        let Command::Bench(arguments) = Cli::try_parse_from(all).unwrap().command else {
            panic!("it is bench")
        };
        arguments
    }

    #[test]
    fn streams_are_beside_the_sockets() {
        let place = Place::find(&arguments(&["--hub", "ws://127.0.0.1:1/a/ws?x=1", "--token", "t"])).unwrap();
        assert_eq!(place.address, "127.0.0.1:1".parse().unwrap());
        let (publisher, listener) = (place.publisher(), place.listener(Transport::Ws, "a:b"));
        assert!(
            publisher
                .starts_with("GET /a/ws?x=1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer t\r\n")
        );
        assert_eq!(publisher, listener);
        assert!(place.listener(Transport::Sse, "a:b").starts_with("GET /a/events?topic=a:b HTTP/1.1\r\n"));
        let place = Place::find(&arguments(&["--hub", "ws://[::1]:7"])).unwrap();
        assert_eq!(place.address, "[::1]:7".parse().unwrap());
        assert!(place.publisher().starts_with("GET /ws HTTP/1.1\r\nHost: [::1]:7\r\nConn"));
    }

    #[test]
    fn nchan_has_a_place_for_each() {
        let place = Place::find(&arguments(&["--hub", "ws://127.0.0.1:1/", "--dialect", "nchan"])).unwrap();
        assert!(place.publisher().starts_with("GET /pub HTTP/1.1\r\n"));
        for transport in [Transport::Ws, Transport::Sse] {
            assert!(place.listener(transport, "a:b").starts_with("GET /sub HTTP/1.1\r\n"));
        }
    }

    #[test]
    fn tls_and_nonsense_are_refused() {
        for url in ["wss://h/ws", "ws://:1/ws", "ws://h h/ws"] {
            assert!(parts(&url.parse().unwrap()).is_err(), "{url}");
        }
        assert!(Place::find(&arguments(&["--token", "a\nb"])).is_err());
    }
}
