use std::io;
use std::sync::Arc;

use alk_pubsub_link::{Error, ErrorKind};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::stream::BoxStream;

/// Wraps a connection in TLS; the server must show a certificate for `host`.
pub(crate) async fn open(
    stream: TcpStream,
    host: &str,
    config: Option<Arc<ClientConfig>>,
) -> Result<BoxStream, Error> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| Error::with_source(ErrorKind::Config, "the hub's host is no name for TLS", error))?;
    let config = match config {
        Some(config) => config,
        None => default_config().await?,
    };
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(failed)?;
    Ok(Box::new(stream))
}

/// A certificate that is not valid for this host, or that nobody vouches for, stays so until somebody changes something.
fn failed(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::with_source(ErrorKind::Untrusted, "the hub's certificate is not accepted", error)
        }
        _ => Error::with_source(ErrorKind::Io, "the TLS handshake with the hub failed", error),
    }
}

/// The platform's root certificates, and ring. They are read once for all spokes of the process.
static PLATFORM: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();

/// Reads the platform's root certificates unless that is done; in the background, since it takes a while. That it failed is not
/// kept: files that are just being replaced are there next time.
async fn default_config() -> Result<Arc<ClientConfig>, Error> {
    PLATFORM.get_or_try_init(read_platform).await.cloned()
}

async fn read_platform() -> Result<Arc<ClientConfig>, Error> {
    let read = tokio::task::spawn_blocking(|| {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, ignored) = roots.add_parsable_certificates(found.certs);
        tracing::debug!(added, ignored, errors = found.errors.len(), "root certificates were read");
        if added == 0 {
            let none = Error::new(ErrorKind::Config, "there are no root certificates on this machine");
            // Some could not be read now: that may be over soon. A machine that has none at all gets none.
            return Err(none.retryable(!found.errors.is_empty()));
        }
        trusting(roots)
    });
    read.await
        .map_err(|error| Error::with_source(ErrorKind::Config, "root certificates cannot be read", error))?
}

/// Trusts the authorities in this text.
pub(crate) fn config_of(pem: &[u8]) -> Result<Arc<ClientConfig>, Error> {
    let wrong = "the authorities' certificates cannot be read";
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate =
            certificate.map_err(|error| Error::with_source(ErrorKind::Config, wrong, error.to_string()))?;
        roots.add(certificate).map_err(|error| Error::with_source(ErrorKind::Config, wrong, error))?;
    }
    if roots.is_empty() {
        return Err(Error::new(ErrorKind::Config, "there is no certificate in the authorities' PEM text"));
    }
    trusting(roots)
}

fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>, Error> {
    // Never `ClientConfig::builder()`: it panics where the process has not chosen a provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::with_source(ErrorKind::Config, "TLS cannot be set up", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
