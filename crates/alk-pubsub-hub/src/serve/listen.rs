//! Where to listen, and whether that is safe.

use std::net::SocketAddr;

use tokio::net::{TcpListener, lookup_host};

use crate::cli::{Rights, ServeArgs};
use crate::error::Error;

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
    let mut last = std::io::Error::new(std::io::ErrorKind::AddrNotAvailable, "it has no address");
    for address in addresses {
        let rights = rights(address, arguments)?;
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok((listener, rights)),
            Err(error) => last = error,
        }
    }
    Err(failed("listen on", last))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::rights;
    use crate::cli::{Cli, Command, Rights};
    use crate::error::Error;

    fn rights_on(address: &str, flags: &[&str]) -> Result<Rights, Error> {
        let cli = Cli::try_parse_from(["alk-hub", "serve"].iter().chain(flags)).unwrap();
        let Command::Serve(arguments) = cli.command else { panic!("{cli:?}") };
        rights(address.parse().unwrap(), &arguments)
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
