//! TLS on the hub's own socket.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::cli::ServeArgs;
use crate::error::Error;

/// A certificate and its key, which may be read again while the hub runs.
#[derive(Debug)]
pub(super) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// What the options name; `None` where they name nothing.
    pub(super) fn load(arguments: &ServeArgs) -> Result<Option<Self>, Error> {
        let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) else {
            return Ok(None);
        };
        let config = RwLock::new(read(certificate, key)?);
        Ok(Some(Self { certificate: certificate.clone(), key: key.clone(), config }))
    }

    /// Reads the files again, for connections that are made from now on. Where they cannot be used, what was read before
    /// stays.
    pub(super) fn reload(&self) {
        match read(&self.certificate, &self.key) {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!(certificate = %self.certificate.display(), "the certificate was read again");
            }
            Err(error) => {
                tracing::error!(error = %error.with_sources(), "the certificate stays as it was");
            }
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone().into()
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
    let (certificates, private) = (read_certificates(certificate)?, read_key(key)?);
    let (certificate, key) = (certificate.display(), key.display());
    // Never `ServerConfig::builder()`: it panics where the process has not chosen a provider.
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Failed(format!("TLS cannot be set up: {error}")))?;
    let config = builder.with_no_client_auth().with_single_cert(certificates, private);
    let mut config = config.map_err(|error| {
        Error::Failed(match error {
            rustls::Error::InconsistentKeys(_) => {
                format!("the key in `{key}` is not that of the first certificate in `{certificate}`")
            }
            error => {
                format!("the certificate in `{certificate}` and the key in `{key}` cannot be used: {error}")
            }
        })
    })?;
    // WebSockets and everything else here are HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| unreadable("certificate", file, &error))?;
    if certificates.is_empty() {
        return Err(unreadable("certificate", file, &pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| unreadable("private key", file, &error))
}

fn unreadable(what: &str, file: &Path, error: &pem::Error) -> Error {
    let file = file.display();
    Error::Failed(match error {
        pem::Error::Io(error) => format!("cannot read the {what} `{file}`: {error}"),
        pem::Error::NoItemsFound => format!("there is no {what} in `{file}`; it is to be PEM"),
        error => format!("the {what} in `{file}` is no proper PEM: {error}"),
    })
}
