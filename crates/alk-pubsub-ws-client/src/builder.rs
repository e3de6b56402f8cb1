use std::future::Future;
use std::time::Duration;

use alk_pubsub_link::{Error, ErrorKind, Offline, Reconnect, SpokeOptions, Wire, connect};
use http::{HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::address::Address;
use crate::config::Config;
use crate::connector::{WsConnector, is_own};
use crate::stream::BoxStream;
use crate::target::WsClientEventTarget;
use crate::token::Token;

/// Makes a [`WsClientEventTarget`], see [`WsClientEventTarget::builder`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use alk_pubsub_ws_client::{Offline, Reconnect, WsClientEventTarget};
///
/// let spoke = WsClientEventTarget::builder("ws://127.0.0.1:7400/ws")
///     .token_provider(|| async { std::fs::read_to_string("/run/secrets/hub-token") })
///     .reconnect(Reconnect::default().max_delay(Duration::from_secs(60)))
///     .offline(Offline::Buffer(256 << 10))
///     .build()?;
/// # Ok::<(), alk_pubsub_ws_client::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct WsClientBuilder {
    url: String,
    config: Config,
    /// What was wrong with a setting; told when it is built.
    wrong: Option<Error>,
}

impl WsClientBuilder {
    pub(crate) fn new(url: String) -> Self {
        Self { url, config: Config::default(), wrong: None }
    }

    /// A header to send with the handshake, besides those that belong to it.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let name = HeaderName::try_from(name.as_ref()).ok().filter(|name| !is_own(name));
        match (name, HeaderValue::try_from(value.as_ref())) {
            (Some(name), Ok(value)) => {
                self.config.headers.append(name, value);
            }
            _ => self.set_wrong(Error::new(
                ErrorKind::Config,
                "a header is not valid, or one of the handshake's own",
            )),
        }
        self
    }

    /// A token to send as `Authorization: Bearer`. When the hub does not take it, that is the end.
    pub fn bearer_token(mut self, token: impl AsRef<str>) -> Self {
        match Token::fixed(token.as_ref()) {
            Ok(token) => self.config.token = token,
            Err(error) => self.set_wrong(error),
        }
        self
    }

    /// Something to ask for a token before each attempt to connect. When the hub does not take the token, or lets it expire,
    /// another one is asked for; so it is when the hub says that the token of this connection ends soon, which then goes on
    /// with the new one. White space around a token is left out, so it may be read from a file as it is; a provider that has none,
    /// or nonsense, is asked again later.
    pub fn token_provider<F, T, E>(mut self, provider: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.config.token = Token::provided(provider);
        self
    }

    /// How TLS is done for `wss://`. Default: the platform's root certificates, with ring.
    #[cfg(feature = "tls")]
    pub fn tls_config(mut self, config: std::sync::Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        self.config.tls = Some(config);
        self
    }

    /// Trusts hubs whose certificates come from the authorities in this PEM text, and no others: for `wss://` with an authority
    /// of one's own. Default: what the platform trusts.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Self {
        match crate::tls::config_of(pem.as_ref()) {
            Ok(config) => self.config.tls = Some(config),
            Err(error) => self.set_wrong(error),
        }
        self
    }

    /// The encoding to ask for. Default JSON.
    pub fn wire(mut self, wire: Wire) -> Self {
        self.config.wire = wire;
        self
    }

    /// The largest frame that is taken from the hub, in bytes. Default 16 MiB.
    pub fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.config.max_frame_bytes = bytes;
        self.link(|link| link.max_frame_bytes(bytes))
    }

    /// How long an attempt to connect may take, the token, name resolution, TLS, and the hub's welcome included. Default
    /// 10 s.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.link(|link| link.connect_timeout(timeout))
    }

    /// When a lost connection is made again. Default: for ever, after up to 100 ms, then up to twice as long each time, at
    /// most 10 s.
    pub fn reconnect(self, reconnect: Reconnect) -> Self {
        self.link(|link| link.reconnect(reconnect))
    }

    /// After how much silence (±20 %) the hub is pinged, and how long later it is given up. Default 25 s and 10 s.
    pub fn heartbeat(self, interval: Duration, timeout: Duration) -> Self {
        self.link(|link| link.heartbeat(interval, timeout))
    }

    /// How many bytes of published events may be on their way. Default 1 MiB.
    pub fn queue_bytes(self, bytes: usize) -> Self {
        self.link(|link| link.queue_bytes(bytes))
    }

    /// What becomes of events that are published while there is no connection. Default: the publish fails.
    pub fn offline(self, offline: Offline) -> Self {
        self.link(|link| link.offline(offline))
    }

    /// How long a subscription waits for the hub's confirmation. Default 10 s.
    pub fn subscribe_timeout(self, timeout: Duration) -> Self {
        self.link(|link| link.subscribe_timeout(timeout))
    }

    /// How long a publish waits for the hub's answer. Default 10 s.
    pub fn publish_timeout(self, timeout: Duration) -> Self {
        self.link(|link| link.publish_timeout(timeout))
    }

    /// How long closing may take, for what is still to be sent. Default 5 s.
    pub fn close_timeout(self, timeout: Duration) -> Self {
        self.link(|link| link.close_timeout(timeout))
    }

    /// The target, at once; connecting goes on in the background for as long as it takes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`]: what was set cannot work.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn build(self) -> Result<WsClientEventTarget, Error> {
        let (address, config) = self.check()?;
        let link = config.link.clone();
        Ok(WsClientEventTarget::over(connect(WsConnector::tcp(address, config), link)))
    }

    /// The target, when it is connected.
    ///
    /// Cancel safe: dropping the future drops the target.
    ///
    /// # Errors
    ///
    /// Why the first attempt failed. There is no second one: for a hub that is expected later, use [`build`](Self::build).
    pub async fn connect(self) -> Result<WsClientEventTarget, Error> {
        let target = self.build()?;
        target.upstream().try_connected().await?;
        Ok(target)
    }

    /// The target over a connection that is there already, which is not made again when it is lost. The handshake is done on
    /// it, with the host and path of the URL.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`]: what was set cannot work.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn build_over<S>(self, stream: S) -> Result<WsClientEventTarget, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.over(Box::new(stream), false)
    }

    /// As [`build_over`](Self::build_over), over a connection whose handshake is done. Nothing is asked for on it; the
    /// URL, headers and tokens play no part.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`]: what was set cannot work.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn build_over_upgraded<S>(self, stream: S) -> Result<WsClientEventTarget, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.over(Box::new(stream), true)
    }

    fn over(self, stream: BoxStream, upgraded: bool) -> Result<WsClientEventTarget, Error> {
        let (address, config) = self.check()?;
        let link = config.link.clone();
        let connector = WsConnector::stream(address, config, stream, upgraded);
        Ok(WsClientEventTarget::over(connect(connector, link)))
    }

    fn check(self) -> Result<(Address, Config), Error> {
        match self.wrong {
            Some(wrong) => Err(wrong),
            None => {
                self.config.link.check()?;
                Ok((Address::parse(&self.url)?, self.config))
            }
        }
    }

    fn link(mut self, set: impl FnOnce(SpokeOptions) -> SpokeOptions) -> Self {
        self.config.link = set(self.config.link);
        self
    }

    fn set_wrong(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_cannot_work_are_refused() {
        let builder = || WsClientBuilder::new("ws://127.0.0.1:1/ws".to_owned());
        for builder in [
            builder().connect_timeout(Duration::MAX),
            builder().close_timeout(Duration::MAX),
            builder().heartbeat(Duration::MAX, Duration::from_secs(1)),
            builder().heartbeat(Duration::ZERO, Duration::from_secs(1)),
            builder().reconnect(Reconnect::default().min_delay(Duration::ZERO)),
        ] {
            let error = builder.check().expect_err("it cannot work");
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        }
        builder().check().expect("the defaults can work");
    }
}
