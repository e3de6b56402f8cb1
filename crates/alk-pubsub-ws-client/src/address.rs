use http::Uri;

use alk_pubsub_link::{Error, ErrorKind};

/// Where a hub is.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    uri: Uri,
    #[cfg(feature = "tls")]
    pub(crate) secure: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let wrong = |message: &'static str| Error::new(ErrorKind::Config, message);
        let uri: Uri = url
            .parse()
            .map_err(|error| Error::with_source(ErrorKind::Config, "the hub's address is no URL", error))?;
        let secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(wrong("the hub's address starts with `ws://` or `wss://`")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("the hub's address names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "a user or password does not belong into the hub's address; set a token or a header",
            ));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("the hub's address names no host"));
        }
        if secure && !cfg!(feature = "tls") {
            return Err(wrong("`wss://` needs the feature `tls`"));
        }
        // A port that is too large reads as none.
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if has_port => return Err(wrong("the port of the hub's address is no port")),
            None if secure => 443,
            None => 80,
        };
        Ok(Self {
            #[cfg(feature = "tls")]
            secure,
            host,
            port,
            uri,
        })
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map_or("", http::uri::Authority::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let cases = [
            ("ws://hub.example/ws", false, "hub.example", 80, "hub.example"),
            ("ws://hub.example:7400", false, "hub.example", 7400, "hub.example:7400"),
            ("ws://127.0.0.1:7400/ws?x=1", false, "127.0.0.1", 7400, "127.0.0.1:7400"),
            ("ws://[::1]:7400/ws", false, "::1", 7400, "[::1]:7400"),
            ("wss://hub.example/ws", true, "hub.example", 443, "hub.example"),
        ];
        for (url, secure, host, port, authority) in cases {
            match Address::parse(url) {
                Ok(address) => {
                    #[cfg(feature = "tls")]
                    assert_eq!(address.secure, secure, "{url}");
                    assert_eq!((&*address.host, address.port), (host, port), "{url}");
                    assert_eq!(address.authority(), authority, "{url}");
                }
                Err(error) => assert!(secure && !cfg!(feature = "tls"), "{url}: {error}"),
            }
        }
    }

    #[test]
    fn what_is_no_address_of_a_hub_is_refused() {
        let wrong = [
            "",
            "/ws",
            "hub.example",
            "hub.example:80",
            "http://hub.example",
            "ws:///ws",
            "ws://",
            "ws://a b/",
            "ws://user:secret@hub.example/",
            "redis://hub.example",
            "ws://[::1",
            "ws://hub.example:99999/",
        ];
        for url in wrong {
            let error = Address::parse(url).expect_err(url);
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Config, false), "{url}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
