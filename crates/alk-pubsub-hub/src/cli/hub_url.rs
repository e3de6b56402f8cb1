use std::fmt;
use std::str::FromStr;

/// Where a hub's WebSockets are.
///
/// ```
/// use alk_pubsub_hub::HubUrl;
///
/// let url: HubUrl = "ws://hub.example:7400".parse()?;
/// assert_eq!(url.to_string(), "ws://hub.example:7400/ws");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubUrl(String);

impl HubUrl {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
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

fn host(rest: &str) -> &str {
    rest.split('/').next().unwrap_or_default()
}

impl Default for HubUrl {
    /// The hub that `alk-hub serve` starts unless told otherwise.
    fn default() -> Self {
        Self("ws://127.0.0.1:7400/ws".to_owned())
    }
}

impl fmt::Display for HubUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
        assert_eq!("wss://h/hub".parse::<HubUrl>().unwrap().as_str(), "wss://h/hub");
    }
}
