use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command, LogFormat, ServeArgs};
use crate::error::Error;
use crate::serve::{Ended, serve};
use crate::{auth, bench, doctor, logging, publish, subscribe};

/// What tasks have to end that are left when the command has ended.
const LEFTOVERS: Duration = Duration::from_millis(500);

/// Runs the program with these arguments, of which the first is its name.
///
/// 0 when it is done, 1 if something failed or was refused, 2 if the command line was wrong.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::read(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and the version are errors to clap as well; nobody may be there to read either.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = match cli.command {
        Command::Serve(arguments) => run_serve(&arguments),
        Command::Pub(arguments) => run_client(publish::publish(arguments)),
        Command::Token(arguments) => auth::print_token(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Sub(arguments) => run_client(subscribe::subscribe(arguments)),
        Command::Bench(arguments) => bench::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Doctor(arguments) => run_client(doctor::doctor(arguments)),
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "alk-hub: {}", error.with_sources());
        ExitCode::from(error.exit_code())
    })
}

fn run_serve(arguments: &ServeArgs) -> Result<ExitCode, Error> {
    logging::init(arguments.log_format);
    let ended = run_on(Builder::new_multi_thread(), serve(arguments))?;
    Ok(match ended {
        Ended::Drained => ExitCode::SUCCESS,
        Ended::GaveUp => ExitCode::FAILURE,
    })
}

/// One thread is enough for one connection, and has nobody to wake.
fn run_client(command: impl Future<Output = Result<(), Error>>) -> Result<ExitCode, Error> {
    logging::init_if_asked(LogFormat::Text);
    run_on(Builder::new_current_thread(), command).map(|()| ExitCode::SUCCESS)
}

fn run_on<T>(mut builder: Builder, command: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime: Runtime = builder
        .enable_all()
        .build()
        .map_err(|source| Error::System { doing: "start its threads", source })?;
    let ended = runtime.block_on(command);
    runtime.shutdown_timeout(LEFTOVERS);
    ended
}
