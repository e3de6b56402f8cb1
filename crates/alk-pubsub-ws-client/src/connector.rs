use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use alk_pubsub_link::{BearerToken, Connector, Error, ErrorKind, Wire};
use http::header::{self, HeaderName};
use http::{HeaderValue, Request};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::address::Address;
use crate::config::Config;
use crate::error::handshake;
use crate::pipe::{WsPipe, socket_config};
use crate::stream::{BoxStream, open};

/// Makes WebSockets to one hub.
pub(crate) struct WsConnector {
    address: Address,
    config: Arc<Config>,
    source: Source,
}

enum Source {
    /// A new connection each time.
    Tcp,
    /// One that is there already, and then none. Whether the handshake is done.
    Stream(Mutex<Option<BoxStream>>, bool),
}

/// Headers that are the handshake's own.
const OWN: [HeaderName; 6] = [
    header::HOST,
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
];

/// Whether a header of the handshake's own has this name.
pub(crate) fn is_own(name: &HeaderName) -> bool {
    OWN.contains(name) || *name == header::SEC_WEBSOCKET_EXTENSIONS
}

impl WsConnector {
    pub(crate) fn tcp(address: Address, config: Config) -> Self {
        Self { address, config: Arc::new(config), source: Source::Tcp }
    }

    pub(crate) fn stream(address: Address, config: Config, stream: BoxStream, upgraded: bool) -> Self {
        Self { address, config: Arc::new(config), source: Source::Stream(Mutex::new(Some(stream)), upgraded) }
    }

    async fn open(&self) -> Result<BoxStream, Error> {
        match &self.source {
            Source::Tcp => open(&self.address, &self.config).await,
            Source::Stream(stream, _) => {
                let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
                stream
                    .ok_or_else(|| Error::new(ErrorKind::Closed, "the connection has ended").retryable(false))
            }
        }
    }

    async fn request(&self) -> Result<Request<()>, Error> {
        let wrong =
            |error: http::Error| Error::with_source(ErrorKind::Config, "the request cannot be made", error);
        let mut request = Request::builder()
            .uri(self.address.uri().clone())
            .header(header::HOST, self.address.authority())
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key())
            .header(header::SEC_WEBSOCKET_PROTOCOL, offered(self.config.wire))
            .body(())
            .map_err(wrong)?;
        let headers = request.headers_mut();
        for (name, value) in &self.config.headers {
            headers.append(name, value.clone());
        }
        if let Some(token) = self.config.token.header().await? {
            headers.insert(header::AUTHORIZATION, token);
        }
        Ok(request)
    }
}

impl Connector for WsConnector {
    type Pipe = WsPipe;

    async fn connect(&self) -> Result<WsPipe, Error> {
        let config = socket_config(self.config.max_frame_bytes);
        if let Source::Stream(_, true) = self.source {
            let stream = self.open().await?;
            let socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
            return Ok(WsPipe::new(socket, self.config.wire));
        }
        // The token first: it may take a while, and a hub does not wait long for a handshake.
        let request = self.request().await?;
        let stream = self.open().await?;
        let (socket, response) = client_async_with_config(request, stream, Some(config))
            .await
            .map_err(|error| handshake(error, self.config.token.may_change()))?;
        // It is one of those that were offered, otherwise there would be no socket.
        let wire = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(wire);
        Ok(WsPipe::new(socket, wire.unwrap_or_default()))
    }

    async fn token(&self) -> Result<Option<BearerToken>, Error> {
        Ok(self.config.token.next().await?.map(BearerToken::new))
    }

    fn returns_after(&self, reason: &str) -> bool {
        self.config.token.may_change() && reason.contains("expired")
    }
}

/// The subprotocols to offer, the one that is wanted first. Every hub speaks JSON.
fn offered(wire: Wire) -> String {
    match wire {
        Wire::Json => wire.subprotocol().to_owned(),
        other => format!("{}, {}", other.subprotocol(), Wire::Json.subprotocol()),
    }
}

fn wire(subprotocol: &HeaderValue) -> Option<Wire> {
    Wire::from_subprotocol(subprotocol.to_str().ok()?)
}

impl fmt::Debug for WsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsConnector")
            .field("hub", &self.address.authority())
            .field("config", &self.config)
            .finish()
    }
}
