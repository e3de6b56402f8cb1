//! What the hub says when it is there.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::cli::Rights;

/// Where it listens and what to try. Nobody needs to be there to read it.
pub(super) fn print(address: SocketAddr, tls: bool, tokens: bool, rights: Rights) {
    let mut out = io::stdout().lock();
    let _ = write(&mut out, address, tls, tokens, rights).and_then(|()| out.flush());
}

fn write(
    out: &mut impl Write,
    address: SocketAddr,
    tls: bool,
    tokens: bool,
    rights: Rights,
) -> io::Result<()> {
    let scheme = if tls { "https" } else { "http" };
    let url = format!("{scheme}://{}", reachable(address));
    writeln!(out, "alk-hub {} listens on {scheme}://{address}", env!("CARGO_PKG_VERSION"))?;
    if rights.subscribe {
        writeln!(out, "\nListen to a topic:\n\n    curl -N '{url}/events?topic=greeting:world'")?;
    }
    if rights.publish {
        writeln!(
            out,
            "\nPublish to it, from another terminal:\n\n    curl -H 'content-type: application/json' {url}/events \\\n         \
             -d '{{\"type\":\"greeting\",\"id\":\"world\",\"payload\":\"hello\"}}'"
        )?;
    }
    if tokens {
        writeln!(out, "\nClients need a token; `alk-hub token --help` says how to make one.")?;
    }
    writeln!(out, "\nWhat goes on is at {url}/ ; Ctrl-C ends the hub.")
}

/// An address to connect to: one that means all addresses of the machine is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::cli::Rights;

    fn banner(address: &str, rights: Rights) -> String {
        let mut out = Vec::new();
        write(&mut out, address.parse().unwrap(), false, false, rights).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_commands_go_where_it_can_be_reached() {
        let text = banner("0.0.0.0:80", Rights::ALL);
        assert!(text.lines().next().unwrap().ends_with(" listens on http://0.0.0.0:80"));
        assert!(text.contains("curl -N 'http://127.0.0.1:80/events?topic=greeting:world'"));
        assert!(banner("[::]:80", Rights::ALL).contains("http://[::1]:80/events"));
    }

    #[test]
    fn it_tells_nobody_to_try_what_is_refused() {
        let text = banner("127.0.0.1:80", Rights { subscribe: true, ..Rights::default() });
        assert!(text.contains("curl -N") && !text.contains(" -d "), "{text}");
    }
}
