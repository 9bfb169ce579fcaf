//! The binary `sql-autoscaler`: reads the command line, sets up logging, and turns outcomes into exit codes.

use std::io::IsTerminal;
use std::process::ExitCode;

use cli::args::{Cli, LogFormat};
use cli::output::{self, Notes, tell};
use cli::run;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Wrong usage ends here with exit code 2, as clap has it.
    let cli = Cli::read(std::env::args_os());
    if let Err(error) = start_logging(&cli) {
        report(&error);
        return ExitCode::from(run::WRONG_USAGE);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            report(&anyhow::Error::new(error).context("cannot start the runtime"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run::run(cli)) {
        Ok(code) => code,
        Err(error) if output::is_reader_gone(&error) => ExitCode::from(output::READER_GONE),
        Err(error) => {
            report(&error);
            ExitCode::from(run::exit_code(&error))
        }
    }
}

fn start_logging(cli: &Cli) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(cli.log_directives()).map_err(|error| anyhow::anyhow!("--log-level: {error}"))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Notes)
        .with_ansi(std::io::stderr().is_terminal());
    match cli.log_format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}

/// Prints an error with its causes, one line each, and what may help.
fn report(error: &anyhow::Error) {
    tell(format_args!("error: {error}"));
    for cause in error.chain().skip(1) {
        for line in cause.to_string().lines() {
            tell(format_args!("  {line}"));
        }
    }
    if let Some(hint) = run::hint(error) {
        tell(format_args!("hint: {hint}"));
    }
}
