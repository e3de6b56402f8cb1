use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use http::{Request, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::cli::HubUrl;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How much of the answer is read.
const MOST: usize = 4096;

/// What a hub's `/readyz` answers.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// What the clock of the hub says, or of the proxy in front.
    pub(super) date: Option<SystemTime>,
}

/// Asks a hub's `/readyz`. These authorities, in PEM, are trusted, or else those that the system trusts.
pub(super) async fn readiness(url: &HubUrl, authorities: Option<&[u8]>) -> Result<Answer, Error> {
    timeout(LIMIT, ask(url, authorities)).await.map_err(|_| format!("no answer within {LIMIT:?}"))?
}

async fn ask(url: &HubUrl, authorities: Option<&[u8]>) -> Result<Answer, Error> {
    let uri: Uri = url.secret().parse()?;
    let tls = uri.scheme_str() == Some("wss");
    let authority = uri.authority().ok_or("it names no host")?;
    let host = authority.host().trim_matches(['[', ']']);
    let stream =
        TcpStream::connect((host, authority.port_u16().unwrap_or(if tls { 443 } else { 80 }))).await?;
    let folder = uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    let request = Request::get(format!("{folder}/readyz"))
        .header(header::HOST, authority.as_str())
        .header(header::CONNECTION, "close")
        .body(Body::empty())?;
    if tls {
        let name = ServerName::try_from(host.to_owned())?;
        send(connector(authorities)?.connect(name, stream).await?, request).await
    } else {
        send(stream, request).await
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<Answer, Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let date = response.headers().get(header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let body = axum::body::to_bytes(Body::new(response.into_body()), MOST).await?;
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), date })
    };
    // It makes the answer, so it runs beside it.
    let (answer, _) = tokio::join!(answer, connection);
    answer
}

fn connector(authorities: Option<&[u8]>) -> Result<TlsConnector, Error> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate?)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}
