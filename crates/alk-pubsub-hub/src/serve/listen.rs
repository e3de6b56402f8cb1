//! Where to listen, and whether that is safe.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::cli::{Rights, ServeArgs};
use crate::error::Error;

/// How many connections may wait to be taken, as far as the system allows: all clients come back at once when a hub was away.
const BACKLOG: u32 = 4096;

/// What anonymous clients may do on this address.
///
/// Whoever can reach a loopback address has an account on the machine. Anybody may reach the others, so they are open only to
/// what was said in so many words.
fn rights(address: SocketAddr, arguments: &ServeArgs) -> Result<Rights, Error> {
    match arguments.allow_anonymous.as_slice() {
        // Who has no token may do nothing.
        [] if arguments.asks_for_tokens() => Ok(Rights::default()),
        [] if address.ip().to_canonical().is_loopback() => Ok(Rights::ALL),
        [] => Err(Error::OpenToStrangers(address)),
        allowed => Ok(allowed.iter().copied().collect()),
    }
}

/// Listens, unless it would be open to strangers.
pub(super) async fn listen(arguments: &ServeArgs) -> Result<(TcpListener, Rights), Error> {
    let name = &arguments.listen;
    let failed = |doing, source| Error::Listen { doing, name: name.clone(), source };
    let addresses = lookup_host(name).await.map_err(|error| failed("resolve", error))?;
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "it has no address");
    for address in addresses {
        let rights = rights(address, arguments)?;
        match bind(address) {
            Ok(listener) => return Ok((listener, rights)),
            Err(error) => last = error,
        }
    }
    Err(failed("listen on", last))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Elsewhere it would mean that others may take the address too.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use clap::Parser;

    use super::{bind, rights};
    use crate::cli::{Cli, Command, Rights};
    use crate::error::Error;

    fn rights_on(address: &str, flags: &[&str]) -> Result<Rights, Error> {
        let cli = Cli::try_parse_from(["alk-hub", "serve"].iter().chain(flags)).unwrap();
        let Command::Serve(arguments) = cli.command else { panic!("{cli:?}") };
        rights(address.parse().unwrap(), &arguments)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn many_may_wait_to_be_taken() {
        const NUMBER: usize = 400;
        let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        if most.trim().parse::<usize>().unwrap() < NUMBER {
            eprintln!("skipped: the system lets no more than {} connections wait", most.trim());
            return;
        }
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let waiting: Vec<_> = (0..NUMBER)
            .map(|_| TcpStream::connect_timeout(&address, Duration::from_secs(20)).unwrap())
            .collect();
        for _ in &waiting {
            listener.accept().await.unwrap();
        }
    }

    #[test]
    fn a_loopback_address_is_open() {
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(rights_on(address, &[]).unwrap(), Rights::ALL, "{address}");
        }
    }

    #[test]
    fn any_other_is_only_what_was_said() {
        for address in ["0.0.0.0:1", "[::]:1", "192.168.1.1:1", "[::ffff:10.0.0.1]:1"] {
            assert!(matches!(rights_on(address, &[]), Err(Error::OpenToStrangers(_))), "{address}");
            assert_eq!(rights_on(address, &["--allow-anonymous", "all"]).unwrap(), Rights::ALL);
        }
    }

    #[test]
    fn who_has_no_token_may_do_nothing_unless_it_was_said() {
        for address in ["127.0.0.1:1", "0.0.0.0:1"] {
            let tokens = ["--jwt-secret-file", "secret"];
            assert_eq!(rights_on(address, &tokens).unwrap(), Rights::default());
            let flags = [tokens[0], tokens[1], "--allow-anonymous", "all"];
            assert_eq!(rights_on(address, &flags).unwrap(), Rights::ALL);
        }
    }

    #[test]
    fn what_was_said_holds_on_a_loopback_address_too() {
        let subscribe = Rights { subscribe: true, ..Rights::default() };
        assert_eq!(rights_on("127.0.0.1:1", &["--allow-anonymous", "subscribe"]).unwrap(), subscribe);
        let both = Rights { publish: true, subscribe: true, everything: false };
        assert_eq!(rights_on("127.0.0.1:1", &["--allow-anonymous", "subscribe,publish"]).unwrap(), both);
    }
}
