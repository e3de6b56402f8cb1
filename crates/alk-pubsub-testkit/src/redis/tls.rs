//! A server that speaks TLS.

use std::{fmt, fs};

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};

use super::process::{Server, free_port};

/// A certificate authority of the test's own, which signs servers' certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Authority {
    /// One that nobody trusts yet.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("it signs itself");
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Its certificate, for clients to trust, as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Its certificate, for clients to trust, as DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.certificate.der()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// A server that speaks TLS, with a certificate for `localhost` and 127.0.0.1. It has a plain port too, which only
/// [`server`](Self::server) uses.
#[derive(Debug)]
pub struct TlsServer {
    server: Server,
    port: u16,
}

impl TlsServer {
    /// Starts it with a certificate that this authority has signed.
    #[must_use]
    pub fn start(authority: &Authority) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("two names");
        let certificate = params.signed_by(&key, &authority.issuer).expect("the authority signs");
        let server = Server::prepare();
        let write = |name: &str, text: String| {
            let file = server.folder().join(name);
            fs::write(&file, text).expect("the folder is ours");
            file.display().to_string()
        };
        let (certificate, key) =
            (write("server.crt", certificate.pem()), write("server.key", key.serialize_pem()));
        let authority = write("authority.crt", authority.pem());
        let port = free_port();
        let (plain, encrypted) = (server.port().to_string(), port.to_string());
        let server = server.launch([
            "--port",
            &plain,
            "--tls-port",
            &encrypted,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &authority,
            "--tls-auth-clients",
            "no",
        ]);
        Self { server, port }
    }

    /// Its URL, with TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rediss://localhost:{}", self.port)
    }

    /// The port on which it speaks TLS.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server, to be asked things, and for its end.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }
}
