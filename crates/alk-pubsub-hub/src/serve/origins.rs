//! Which web pages may use the hub: browsers let any page try.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::hub::Hub;
use super::refusal::Refusal;
use crate::cli::{AllowedOrigin, normal_origin};

/// How long a browser may remember that it may ask.
const PREFLIGHT: Duration = Duration::from_secs(3600);

/// Browsers say by this where a request comes from, also where they send no origin; pages cannot set it.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origins whose pages are let in, beside those of the hub itself.
#[derive(Debug, Default)]
pub(super) struct Origins {
    any: bool,
    exactly: HashSet<String>,
    /// The hub listens where only this machine can reach it.
    loopback: bool,
}

impl Origins {
    pub(super) fn new(allowed: &[AllowedOrigin], loopback: bool) -> Self {
        let mut origins = Self { loopback, ..Self::default() };
        for allowed in allowed {
            match allowed {
                AllowedOrigin::Any => origins.any = true,
                AllowedOrigin::Exactly(origin) => {
                    origins.exactly.insert(origin.clone());
                }
            }
        }
        origins
    }

    /// What tells browsers that they may hand answers to pages of these origins; nothing where none is named.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let origins = if self.any {
            AllowOrigin::any()
        } else if self.exactly.is_empty() {
            return None;
        } else {
            AllowOrigin::list(self.exactly.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
        };
        let cors = CorsLayer::new().allow_origin(origins).allow_methods([Method::GET, Method::POST]);
        let headers = [header::AUTHORIZATION, header::CONTENT_TYPE, HeaderName::from_static("last-event-id")];
        Some(cors.allow_headers(headers).expose_headers([header::RETRY_AFTER]).max_age(PREFLIGHT))
    }

    /// Why a request is not let in. Programs send neither an origin nor where they fetch for.
    fn refusal(&self, headers: &HeaderMap) -> Option<Refusal> {
        let origin = headers.get(header::ORIGIN);
        let from_browser = origin.is_some() || headers.contains_key(FETCH_SITE);
        if self.any || !from_browser {
            return None;
        }
        let origin = origin.map(|origin| origin.to_str().unwrap_or_default().to_ascii_lowercase());
        let origin = origin.as_deref().map(normal_origin);
        if origin.is_some_and(|origin| self.exactly.contains(origin)) {
            return None;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        // A page of anywhere can have its own name resolve to this machine. Then it is of one origin with the hub, as
        // far as the browser knows; only the name tells.
        if self.loopback && !is_loopback(host) && !self.names(host) {
            return Some(Refusal::ForeignHost);
        }
        match origin {
            Some(origin) if !is_of(origin, host) => Some(Refusal::ForeignOrigin),
            _ => None,
        }
    }

    /// Whether one of the origins is that of this host.
    fn names(&self, host: &str) -> bool {
        self.exactly.iter().any(|origin| is_of(origin, host))
    }
}

/// Whether an origin is that of a host, both as they stand in a request.
fn is_of(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let host = format!("{scheme}://{}", host.to_ascii_lowercase());
    !authority.is_empty() && normal_origin(&host) == origin
}

/// Whether a `Host` is this machine, and not a name that leads here.
pub(crate) fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_address = |ip: IpAddr| ip.to_canonical().is_loopback();
    !host.contains('@') && (name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(is_address))
}

/// Only pages of the hub itself, and of the origins that are named.
pub(super) async fn check(
    State((hub, origins)): State<(Arc<Hub>, Arc<Origins>)>,
    request: Request,
    next: Next,
) -> Response {
    match origins.refusal(request.headers()) {
        Some(refusal) => hub.refusals.refuse(refusal),
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, header};

    use super::{FETCH_SITE, Origins, Refusal};

    fn headers(named: &[(HeaderName, Option<&'static str>)]) -> HeaderMap {
        let given = named
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), HeaderValue::from_static((*value)?))));
        given.collect()
    }

    /// What becomes of a request with this origin, host and `Sec-Fetch-Site`.
    fn checked(
        origins: &Origins,
        origin: Option<&'static str>,
        host: &'static str,
        site: Option<&'static str>,
    ) -> Option<Refusal> {
        let host = (!host.is_empty()).then_some(host);
        origins.refusal(&headers(&[(header::ORIGIN, origin), (header::HOST, host), (FETCH_SITE, site)]))
    }

    fn origins(allowed: &[&str], loopback: bool) -> Origins {
        let allowed: Vec<_> = allowed.iter().map(|origin| origin.parse().unwrap()).collect();
        Origins::new(&allowed, loopback)
    }

    #[test]
    fn an_origin_is_foreign_unless_it_is_the_host() {
        let origins = origins(&[], false);
        for (origin, host, foreign) in [
            (None, "a:1", false),
            (Some("http://a:1"), "a:1", false),
            (Some("https://A.example"), "a.example", false),
            (Some("https://a.example"), "A.example:443", false),
            (Some("http://a.example"), "a.example:443", true),
            (Some("http://a:1"), "a:2", true),
            (Some("http://b"), "a", true),
            (Some("http://a.evil"), "a", true),
            (Some("null"), "a", true),
            (Some("a"), "a", true),
            (Some("http://"), "", true),
            (Some("http://a"), "", true),
        ] {
            let expected = foreign.then_some(Refusal::ForeignOrigin);
            assert_eq!(checked(&origins, origin, host, None), expected, "{origin:?} on {host}");
        }
    }

    #[test]
    fn a_name_that_was_made_to_resolve_to_this_machine_is_foreign_although_it_is_the_host() {
        let origins = origins(&[], true);
        for host in
            ["127.0.0.1:7400", "localhost:7400", "LOCALHOST", "[::1]:7400", "127.9.9.9", "[::ffff:127.0.0.1]"]
        {
            let own: &'static str = format!("http://{}", host.to_lowercase()).leak();
            assert_eq!(checked(&origins, Some(own), host, None), None, "{host}");
            assert_eq!(checked(&origins, None, host, Some("same-origin")), None, "{host}");
        }
        for host in ["evil.example:7400", "localhost.evil.example", "10.0.0.1", "x@localhost", "[::2]", ""] {
            let own: &'static str = format!("http://{host}").leak();
            assert_eq!(checked(&origins, Some(own), host, None), Some(Refusal::ForeignHost), "{host}");
            let site = Some("same-origin");
            assert_eq!(checked(&origins, None, host, site), Some(Refusal::ForeignHost), "{host}");
            assert_eq!(checked(&origins, None, host, None), None, "{host}: a program");
        }
    }

    #[test]
    fn behind_a_proxy_the_origins_that_are_named_are_let_in() {
        let origins = origins(&["https://hub.example", "https://app.example:8443"], true);
        for (origin, host, refusal) in [
            // The proxy passes the host on, and its own page asks.
            (Some("https://hub.example"), "hub.example", None),
            (None, "hub.example", None),
            // It passes its own address on.
            (Some("https://hub.example"), "127.0.0.1:7400", None),
            // A page of another host that is named.
            (Some("https://app.example:8443"), "hub.example", None),
            (Some("https://app.example"), "hub.example", Some(Refusal::ForeignOrigin)),
            (Some("https://evil.example"), "hub.example", Some(Refusal::ForeignOrigin)),
            (Some("https://evil.example"), "evil.example", Some(Refusal::ForeignHost)),
            (Some("http://hub.example"), "evil.example", Some(Refusal::ForeignHost)),
        ] {
            assert_eq!(checked(&origins, origin, host, Some("same-site")), refusal, "{origin:?} on {host}");
        }
        let any = self::origins(&["*"], true);
        assert_eq!(checked(&any, Some("https://evil.example"), "evil.example", None), None);
    }
}
