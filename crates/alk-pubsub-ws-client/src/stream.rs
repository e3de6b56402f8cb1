use std::io;

use alk_pubsub_link::{Error, ErrorKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::address::Address;
use crate::config::Config;

/// Bytes in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

pub(crate) type BoxStream = Box<dyn Duplex>;

/// Connects to a hub's address, with TLS where that says so.
pub(crate) async fn open(address: &Address, config: &Config) -> Result<BoxStream, Error> {
    let refused = |error: io::Error| {
        Error::with_source(ErrorKind::Io, format!("no connection to {}", address.authority()), error)
    };
    let stream = TcpStream::connect((&*address.host, address.port)).await.map_err(refused)?;
    // Frames are small, and written when they are to go.
    stream.set_nodelay(true).map_err(refused)?;
    #[cfg(feature = "tls")]
    if address.secure {
        return crate::tls::open(stream, &address.host, config.tls.clone()).await;
    }
    let _ = config;
    Ok(Box::new(stream))
}
