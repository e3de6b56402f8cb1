use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Where Redis is. Shown without user, password and what stands behind a `?`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// All of it: not for logs or messages.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl FromStr for RedisUrl {
    type Err = Infallible;

    /// Takes anything: what is wrong with it is found out later, since here the message would show it.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.trim().to_owned()))
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else { return f.write_str("(no URL)") };
        // A password may have any character that somebody forgot to escape, so an `@` behind a `?` may be anything.
        let (place, more) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
        let place =
            if more.contains('@') { "…" } else { place.rsplit_once('@').map_or(place, |(_, place)| place) };
        write!(f, "{scheme}://{place}")
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::RedisUrl;

    #[test]
    fn secrets_are_not_shown() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("rediss://user:secret@host:1/0", "rediss://host:1/0"),
            ("redis://:sec@ret@host", "redis://host"),
            ("redis://user:secret/?@host?x=secret", "redis://…"),
            ("redis-sentinel://host:1?sentinelServiceName=a&sentinelPassword=se@cret", "redis-sentinel://…"),
            (
                "redis-sentinel://host:1?sentinelServiceName=a&sentinelPassword=secret",
                "redis-sentinel://host:1",
            ),
            ("secret", "(no URL)"),
        ] {
            let url: RedisUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }
}
