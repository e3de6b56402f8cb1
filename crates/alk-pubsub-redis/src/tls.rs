//! The TLS settings that are used when none are given.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, ErrorKind};

/// Trusts what the system trusts. Certificates of the system that cannot be read are passed over.
pub(crate) fn native_roots() -> Result<ClientConfig, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (trusted, _) = roots.add_parsable_certificates(found.certs);
    if trusted == 0 {
        return Err(Error::new(ErrorKind::Tls, "the system has no certificates that could be trusted"));
    }
    // The provider is named: an application may have several, and rustls panics where it cannot choose.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| {
            Error::with_source(ErrorKind::Tls, "the TLS provider has no usable protocol version", cause)
        })?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}
