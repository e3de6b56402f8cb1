use std::str::FromStr;

/// Whose web pages may use the hub: `https://app.example`, `http://localhost:5173`, or `*` for everybody's.
///
/// ```
/// use alk_pubsub_hub::AllowedOrigin;
///
/// let origin: AllowedOrigin = "HTTPS://App.example:443".parse()?;
/// assert_eq!(origin, AllowedOrigin::Exactly("https://app.example".to_owned()), "as a browser writes it");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedOrigin {
    /// Pages of anywhere.
    Any,
    /// Pages of this origin: a scheme, a host, and a port unless it is the scheme's own.
    Exactly(String),
}

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let example = "write it as in https://app.example or http://localhost:5173, or * for all";
        let Some((scheme, authority)) = text.split_once("://") else { return Err(example.to_owned()) };
        if let Some((host, rest)) = authority.split_once(['/', '?', '#']) {
            return Err(match rest {
                "" => format!("an origin ends behind its host: try {scheme}://{host}"),
                _ => format!("an origin has no path: try {scheme}://{host}"),
            });
        }
        let is_host = !authority.is_empty()
            && !authority.contains(['@', '*'])
            && authority.parse::<http::uri::Authority>().is_ok();
        if scheme.is_empty() || !is_host {
            return Err(example.to_owned());
        }
        Ok(Self::Exactly(normal(&text.to_ascii_lowercase()).to_owned()))
    }
}

/// An origin in lower case without the port that its scheme has anyway.
pub(crate) fn normal(origin: &str) -> &str {
    let port = if origin.starts_with("http://") {
        ":80"
    } else if origin.starts_with("https://") {
        ":443"
    } else {
        return origin;
    };
    origin.strip_suffix(port).unwrap_or(origin)
}

#[cfg(test)]
mod tests {
    use super::AllowedOrigin;

    #[test]
    fn what_is_no_origin_is_told_what_one_is() {
        for (text, hint) in [
            ("app.example", "https://app.example"),
            ("https://app.example/", "try https://app.example"),
            ("https://app.example/page", "no path"),
            ("https://", "*"),
            ("https://*.example", "*"),
            ("https://a b", "*"),
            ("null", "*"),
            ("", "*"),
        ] {
            let message = text.parse::<AllowedOrigin>().unwrap_err();
            assert!(message.contains(hint), "{text}: {message}");
        }
        assert_eq!("*".parse(), Ok(AllowedOrigin::Any));
        assert_eq!("http://[::1]:80".parse(), Ok(AllowedOrigin::Exactly("http://[::1]".to_owned())));
    }
}
