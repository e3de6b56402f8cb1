use clap::{Parser, Subcommand};

use super::serve::ServeArgs;

/// A publish and subscribe hub for WebSocket, server-sent events and HTTP.
#[derive(Debug, Parser)]
#[command(name = "alk-hub", version, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `alk-hub` can do.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Runs a hub, until SIGTERM or Ctrl-C
    Serve(ServeArgs),
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Cli, Command};

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_reads_an_environment_variable_of_its_name() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        for flag in serve.get_arguments().filter(|flag| flag.get_long().is_some_and(|long| long != "help")) {
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
            &["serve", "--max-topics", "0"],
            &["serve", "--max-publish-rate", "0"],
            &["serve", "--slow-consumer", "ignore"],
            &["serve", "--allow-anonymous", "publish,everything"],
            &["serve", "--drain", "soon"],
            &["serve", "--log-format", "xml"],
            &["serve", "--no-such-flag"],
            &["dance"],
            &[],
        ] {
            let all = ["alk-hub"].iter().chain(arguments);
            assert_eq!(Cli::try_parse_from(all).unwrap_err().exit_code(), 2, "{arguments:?}");
        }
    }

    #[test]
    fn the_example_of_the_documentation_is_taken() {
        let line = "alk-hub serve --listen 0.0.0.0:7400 --allow-anonymous publish,subscribe --max-connections 50 \
                    --max-topics 8 --max-frame 64KiB --queue 1MiB --slow-consumer close --max-publish-rate 10 \
                    --drain 30s --log-format json";
        let Command::Serve(arguments) = Cli::try_parse_from(line.split_whitespace()).unwrap().command;
        assert_eq!((arguments.max_frame.bytes(), arguments.queue.bytes()), (64 << 10, 1 << 20));
        assert_eq!(arguments.allow_anonymous.len(), 2);
        assert_eq!(arguments.drain.as_secs(), 30);
    }
}
