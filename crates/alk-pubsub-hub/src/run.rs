use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::cli::{Cli, Command, ServeArgs};
use crate::error::Error;
use crate::logging;
use crate::serve::{Ended, serve};

/// What tasks have to end that are left when the hub has stopped.
const LEFTOVERS: Duration = Duration::from_millis(500);

/// Runs the program with these arguments, of which the first is its name.
///
/// 0 when it is done, 1 if it could not start or was told to give up, 2 if the command line was wrong.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and the version are errors to clap as well; nobody may be there to read either.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let Command::Serve(arguments) = cli.command;
    match run_serve(&arguments) {
        Ok(Ended::Drained) => ExitCode::SUCCESS,
        Ok(Ended::GaveUp) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "alk-hub: {}", error.with_sources());
            ExitCode::FAILURE
        }
    }
}

fn run_serve(arguments: &ServeArgs) -> Result<Ended, Error> {
    logging::init(arguments.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System { doing: "start its threads", source })?;
    let ended = runtime.block_on(serve(arguments));
    runtime.shutdown_timeout(LEFTOVERS);
    ended
}
