//! A server that speaks TLS only.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::process::Server;

/// Who signs a server's certificate.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, to be trusted by clients.
    pub certificate: rcgen::Certificate,
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
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// A server with a certificate for `localhost` and 127.0.0.1.
#[derive(Debug)]
pub struct TlsServer {
    server: Server,
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
        let authority = write("authority.crt", authority.certificate.pem());
        let port = server.port().to_string();
        let server = server.launch([
            "--port",
            "0",
            "--tls-port",
            &port,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &authority,
            "--tls-auth-clients",
            "no",
        ]);
        Self { server }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rediss://localhost:{}", self.server.port())
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }
}
