//! From a parsed command line to the function that does it.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::admin::{Admin, AdminError, query, views};
use crate::args::{Act, Ask, Cli, Command};
use crate::config::{Config, LoadError};
use crate::output;
use crate::output::Notes;
use crate::parts::UnfitConfig;
use crate::shutdown::stop_signal;
use crate::{check, demo, services, up};

/// Exit code of a wrong command line or configuration.
pub const WRONG_USAGE: u8 = 2;

/// Does what the command line says. Results go to standard output, everything else to standard error.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = Config::load(cli.config.as_deref())?;
    let data_dir = cli.data_dir;
    let out = &mut output::results();
    match cli.command.unwrap_or(Command::Up) {
        Command::Up => return up::run(config, data_dir, stop_signal()?).await,
        Command::Router => {
            need_shards(&config, "router")?;
            return services::router(config, stop_signal()?).await;
        }
        Command::Scaler => {
            need_shards(&config, "scaler")?;
            return services::scaler(config, data_dir, stop_signal()?).await;
        }
        Command::Demo => return demo::run(stop_signal()?).await,
        Command::Check(check) => {
            return check::run(config, data_dir, check.as_repair(), check.output.json).await;
        }
        Command::Ready { service, url } => {
            let admin = Admin::of_this_machine(&config).with_router(url.as_deref()).with_scaler(url.as_deref());
            let why_not = admin.why_not_ready(service).await?;
            if let Some(why) = why_not {
                anyhow::bail!("not ready: {why}");
            }
        }
        Command::Status(ask) => return Ok(views::status(&admin(&config, &ask), ask.output.json, out).await?),
        Command::Shards(ask) => views::shards(&admin(&config, &ask), ask.output.json, out).await?,
        Command::Moves(ask) => views::moves(&admin(&config, &ask), ask.output.json, out).await?,
        Command::Decisions { limit, ask } => {
            views::decisions(&admin(&config, &ask), limit, ask.output.json, out).await?;
        }
        Command::Explain(ask) => views::explain(&admin(&config, &ask), ask.output.json, out).await?,
        Command::ScaleOut { source, act: Act { dry_run, ask } } => {
            let admin = admin(&config, &ask);
            views::scale_out(&admin, source.as_deref(), dry_run, ask.output.json, out).await?;
        }
        Command::Drain { shard, act: Act { dry_run, ask } } => {
            views::drain(&admin(&config, &ask), &shard, dry_run, ask.output.json, out).await?;
        }
        Command::Pause(Act { dry_run, ask }) => {
            views::pause(&admin(&config, &ask), dry_run, ask.output.json, out).await?;
        }
        Command::Resume(Act { dry_run, ask }) => {
            views::resume(&admin(&config, &ask), dry_run, ask.output.json, out).await?;
        }
        Command::Query(args) => {
            let admin = Admin::new(&config).with_router(args.url.as_deref());
            query::run(&admin, args, &mut io::stdin().lock(), out, &mut Notes).await?;
        }
        Command::Replay { .. } => {
            anyhow::bail!("`replay` is not supported yet: it comes in a later version");
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn need_shards(config: &Config, command: &str) -> Result<(), UnfitConfig> {
    match config.shards.is_empty() {
        true => Err(UnfitConfig(format!("`{command}` alone needs `shards` in its configuration"))),
        false => Ok(()),
    }
}

fn admin(config: &Config, ask: &Ask) -> Admin {
    Admin::new(config).with_scaler(ask.url.as_deref())
}

/// What the process ends with after this error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<LoadError>() || error.is::<UnfitConfig>() { WRONG_USAGE } else { 1 }
}

/// What the service that refused a request suggests.
pub fn hint(error: &anyhow::Error) -> Option<&str> {
    error.chain().find_map(|cause| cause.downcast_ref::<AdminError>()?.hint())
}
