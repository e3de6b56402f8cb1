use std::fmt;
use std::str::FromStr;

/// Where a hub's WebSockets are. Shown without user, password and what stands behind a `?`: tokens may be there.
///
/// ```
/// use alk_pubsub_hub::HubUrl;
///
/// let url: HubUrl = "ws://hub.example:7400".parse()?;
/// assert_eq!(url.to_string(), "ws://hub.example:7400/ws");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct HubUrl(String);

impl HubUrl {
    /// All of it: not for logs or messages.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

/// What of a text that was meant as a URL may be shown to anybody.
pub(super) fn shown(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let path = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{host}{path}"),
        // A password with a character that somebody forgot to escape, or a parameter with an `@`: who knows.
        None if rest.contains('@') => format!("{scheme}…"),
        None => format!("{scheme}{authority}{path}"),
    }
}

impl FromStr for HubUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.split_once("://") {
            Some(("ws" | "wss", "")) => Err("it names no host".to_owned()),
            // A hub that has its WebSockets elsewhere is named with its path.
            Some(("ws" | "wss", rest)) if !rest.contains(['/', '?']) => Ok(Self(format!("{text}/ws"))),
            Some(("ws" | "wss", _)) => Ok(Self(text.to_owned())),
            Some(("http", rest)) => Err(format!("it is ws, not http: try ws://{}/ws", host(rest))),
            Some(("https", rest)) => Err(format!("it is wss, not https: try wss://{}/ws", host(rest))),
            Some((scheme, _)) if scheme.starts_with("redis") => Err("that goes to --redis".to_owned()),
            Some(_) => Err("write it as in ws://127.0.0.1:7400/ws or wss://hub.example/ws".to_owned()),
            None => Err(format!("write it as a URL: try ws://{}/ws", host(text))),
        }
    }
}

fn host(rest: &str) -> String {
    shown(rest).split('/').next().unwrap_or_default().to_owned()
}

impl Default for HubUrl {
    /// The hub that `alk-hub serve` starts unless told otherwise.
    fn default() -> Self {
        Self("ws://127.0.0.1:7400/ws".to_owned())
    }
}

impl fmt::Display for HubUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for HubUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::HubUrl;

    #[test]
    fn what_is_nearly_right_is_told_how_it_is_right() {
        for (text, hint) in [
            ("http://h:1/", "ws://h:1/ws"),
            ("https://h", "wss://h/ws"),
            ("h:7400", "ws://h:7400/ws"),
            ("redis://h", "--redis"),
            ("ftp://h", "ws://127.0.0.1:7400/ws"),
            ("ws://", "no host"),
        ] {
            let message = text.parse::<HubUrl>().unwrap_err();
            assert!(message.contains(hint), "{text}: {message}");
        }
        assert_eq!("wss://h/hub".parse::<HubUrl>().unwrap().secret(), "wss://h/hub");
    }

    #[test]
    fn secrets_are_not_shown() {
        for (url, shown) in [
            ("ws://127.0.0.1:7400/ws", "ws://127.0.0.1:7400/ws"),
            ("wss://h/ws?token=secret", "wss://h/ws"),
            ("wss://h?token=secret", "wss://h"),
            ("wss://user:secret@h:1/ws", "wss://h:1/ws"),
            ("wss://user:sec@ret@h", "wss://h/ws"),
            ("wss://user:sec/ret@h/ws", "wss://…"),
            ("wss://user:sec?ret@h/ws", "wss://…"),
            ("wss://h/ws?token=sec@ret", "wss://…"),
            ("wss://h/ws#secret", "wss://h/ws"),
        ] {
            let url: HubUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
        for text in ["http://user:secret@h/ws", "https://h?token=secret", "user:secret@h", "h?token=secret"] {
            let message = text.parse::<HubUrl>().unwrap_err();
            assert!(!message.contains("secret"), "{text}: {message}");
        }
    }
}
