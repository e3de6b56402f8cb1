use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::bench::BenchArgs;
use super::doctor::DoctorArgs;
use super::hub_url::shown;
use super::publish::PubArgs;
use super::serve::ServeArgs;
use super::subscribe::SubArgs;
use super::token::TokenArgs;

const EXAMPLES: &str = "\
Try it, in three terminals:
  alk-hub serve
  alk-hub sub greeting:world
  alk-hub pub greeting world '\"hello\"'";

/// A publish and subscribe hub for WebSocket, server-sent events and HTTP, and a command line that talks to any hub.
#[derive(Debug, Parser)]
#[command(name = "alk-hub", version, max_term_width = 120, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads a command line, of which the first is the program's name, and the environment.
    ///
    /// # Errors
    ///
    /// It makes no sense, or asks for help or the version.
    pub fn read<I>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator,
        I::Item: Into<OsString> + Clone,
    {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(arguments).map_err(without_secrets)?;
        let mut cli = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        let remote = match &mut cli.command {
            Command::Pub(arguments) => &mut arguments.remote,
            Command::Sub(arguments) => &mut arguments.remote,
            _ => return Ok(cli),
        };
        match matches.subcommand() {
            Some((_, matches)) if !remote.settle(matches) => {
                let message = "the argument '--hub <URL>' cannot be used with '--redis <URL>'";
                Err(command.error(ErrorKind::ArgumentConflict, message))
            }
            _ => Ok(cli),
        }
    }
}

/// An error about the address of a hub shows what was given, in which a token or a password may stand.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    let is_hub =
        |value: &ContextValue| matches!(value, ContextValue::String(name) if name.starts_with("--hub "));
    if let (true, Some(ContextValue::String(given))) =
        (error.get(ContextKind::InvalidArg).is_some_and(is_hub), error.get(ContextKind::InvalidValue))
    {
        let given = ContextValue::String(shown(given));
        error.insert(ContextKind::InvalidValue, given);
    }
    error
}

/// What `alk-hub` can do.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Runs a hub, until SIGTERM or Ctrl-C
    Serve(Box<ServeArgs>),
    /// Publishes events: one, or one for each line of standard input
    Pub(PubArgs),
    /// Listens to topics and prints their events
    Sub(SubArgs),
    /// Loads a hub, and says how much it delivers and how late
    Bench(BenchArgs),
    /// Looks at a Redis and at a hub, and says what is wrong and what to do about it
    Doctor(DoctorArgs),
    /// Makes a token for a client of a hub that asks for tokens, and prints it
    Token(TokenArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, Command};

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_reads_an_environment_variable_of_its_name() {
        let command = Cli::command();
        let flags = command.get_subcommands().flat_map(clap::Command::get_arguments);
        for flag in flags.filter(|flag| flag.get_long().is_some_and(|long| long != "help")) {
            let long = flag.get_long().unwrap();
            let name = format!("ALK_HUB_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(flag.get_env().and_then(|env| env.to_str()), Some(name.as_str()), "--{long}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_code_2() {
        for arguments in [
            &["serve", "--max-frame", "0"][..],
            &["serve", "--max-frame", "64 parsecs"],
            &["serve", "--listen", "127.0.0.1"],
            &["serve", "--listen", ":7400"],
            &["serve", "--listen", "::1"],
            &["serve", "--listen", "localhost:http"],
            &["serve", "--listen", "localhost:70000"],
            &["serve", "--queue", "1GiB GiB"],
            &["serve", "--max-connections", "0"],
            &["serve", "--max-connections-per-address", "0"],
            &["serve", "--handshake-timeout", "0s"],
            &["serve", "--allow-origin", "app.example"],
            &["serve", "--tls-cert", "cert.pem"],
            &["serve", "--tls-key", "key.pem"],
            &["serve", "--max-topics", "0"],
            &["serve", "--max-publish-rate", "0"],
            &["serve", "--slow-consumer", "ignore"],
            &["serve", "--allow-anonymous", "publish,everything"],
            &["serve", "--drain", "soon"],
            &["serve", "--log-format", "xml"],
            &["serve", "--no-such-flag"],
            &["pub"],
            &["pub", "greeting"],
            &["pub", "greeting", "world"],
            &["pub", "greeting:world", "1"],
            &["pub", "__gap", "world", "1"],
            &["pub", "greeting", "wor\nld", "1"],
            &["pub", "greeting", "world", "1", "2"],
            &["pub", "greeting", "world", "1", "--lines"],
            &["pub", "greeting", "world", "--text"],
            &["pub", "greeting", "world", "--envelopes"],
            &["pub", "--envelopes", "--lines"],
            &["pub", "--envelopes", "--text"],
            &["pub", "greeting", "world", "1", "--hub", "http://127.0.0.1:7400"],
            &["pub", "greeting", "world", "1", "--hub", "ws://h/ws", "--redis", "redis://h"],
            &["sub"],
            &["sub", "gr*"],
            &["sub", "__gap"],
            &["sub", "greeting", "--count", "0"],
            &["sub", "greeting", "--count", "many"],
            &["sub", "greeting", "--timeout", "soon"],
            &["sub", "greeting", "--hub", "127.0.0.1:7400"],
            &["serve", "--jwt-secret-file", "a", "--jwt-public-key-file", "b"],
            &["token", "--sub", "ann"],
            &["token", "--jwt-secret-file", "a"],
            &["token", "--sub", "ann", "--jwt-secret-file", "a", "--subscribe", "session.status"],
            &["token", "--sub", "ann", "--jwt-secret-file", "a", "--jwt-private-key-file", "b"],
            &["bench", "--connections", "0"],
            &["bench", "--window", "1", "--rate", "1"],
            &["bench", "--payload-bytes", "1"],
            &["bench", "--transport", "pigeon"],
            &["dance"],
            &[],
        ] {
            let all = ["alk-hub"].iter().chain(arguments);
            assert_eq!(Cli::read(all).unwrap_err().exit_code(), 2, "{arguments:?}");
        }
    }

    #[test]
    fn what_may_hold_a_secret_is_shown_neither_in_help_nor_in_errors() {
        let mut command = Cli::command();
        for command in command.get_subcommands_mut() {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                if ["hub", "redis", "token"].contains(&name) {
                    assert!(argument.is_hide_env_values_set(), "{} {name}", command.get_name());
                }
            }
        }
        for command in [&["sub", "a"][..], &["pub", "a", "b", "1"], &["doctor"], &["bench"]] {
            for url in ["https://user:secret@h/ws", "http://h/ws?token=secret", "h?token=secret"] {
                let error = Cli::read(["alk-hub"].iter().chain(command).chain(&["--hub", url])).unwrap_err();
                assert_eq!(error.exit_code(), 2);
                assert!(!error.to_string().contains("secret"), "{error}");
            }
        }
    }

    #[test]
    fn the_example_of_the_documentation_is_taken() {
        let line = "alk-hub serve --listen 0.0.0.0:7400 --allow-anonymous publish,subscribe --max-connections 50 \
                    --max-topics 8 --max-frame 64KiB --queue 1MiB --slow-consumer close --max-publish-rate 10 \
                    --drain 30s --log-format json";
        let cli = Cli::read(line.split_whitespace()).unwrap();
        let Command::Serve(arguments) = cli.command else { panic!("{cli:?}") };
        assert_eq!((arguments.max_frame.bytes(), arguments.queue.bytes()), (64 << 10, 1 << 20));
        assert_eq!(arguments.allow_anonymous.len(), 2);
        assert_eq!(arguments.drain.as_secs(), 30);
    }
}
