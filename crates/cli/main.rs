//! The `vigie` program: reads the command line and the config, joins scanner, store and notify, and
//! prints. The only place that sets up logging and reads the environment.

mod age;
mod arguments;
mod arrivals;
mod binary_size;
mod causes;
mod commands;
mod config;
mod cycle;
mod delivery;
mod local_time;
mod lock;
mod log_field;
mod logging;
mod mails;
mod pause;
mod ping;
mod printable;
mod progress;
mod reload;
mod screen;
mod scrubbing;
mod stages;
mod table;
mod tokens;
mod vigie;
mod watch;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command, ConfigCommand, MailCommand};
use crate::causes::causes;
use crate::config::{ConfigErrors, NoConfigFile};
use crate::progress::Showing;
use crate::screen::Screen;
use crate::stages::Stages;

/// The exit status of a run that could not do its work.
const FAILED: u8 = 1;

/// The exit status for a wrong command line or config, as clap has it.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Who starts a service reads what it does in a journal.
    let usual = u8::from(matches!(arguments.command, Command::Run));
    // The demo tells all that it finds.
    let is_quiet = arguments.quiet || matches!(arguments.command, Command::Demo(_));
    let screen = Screen::new();
    let stages = logging::start(arguments.verbose + usual, is_quiet, screen.clone());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: could not start the async runtime: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let outcome = runtime.block_on(run(arguments, &screen, stages));
    // What still reads a file is not waited for: it can be cut off at any point.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code,
        // Whoever reads our output has seen enough, as in `vigie status | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", causes(&error));
            let is_misuse = error.is::<ConfigErrors>() || error.is::<NoConfigFile>();
            ExitCode::from(if is_misuse { MISUSED } else { FAILED })
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        let json = cause.downcast_ref::<serde_json::Error>();
        let kind = io
            .map(io::Error::kind)
            .or_else(|| json.and_then(serde_json::Error::io_error_kind));
        kind == Some(io::ErrorKind::BrokenPipe)
    })
}

async fn run(arguments: Arguments, screen: &Screen, stages: Stages) -> anyhow::Result<ExitCode> {
    let config = arguments.config.as_deref();
    match &arguments.command {
        Command::Demo(demo) => commands::demo::run(demo).await,
        Command::Init(init) => commands::init::run(init),
        Command::Scan(scan) => {
            let showing = Showing::on(screen, arguments.quiet, stages);
            Box::pin(commands::scan::run(config, scan, &showing)).await
        }
        Command::Scrub(scrub) => {
            let showing = Showing::on(screen, arguments.quiet, stages).of("scrub");
            Box::pin(commands::scrub::run(config, scrub, &showing)).await
        }
        Command::Run => Box::pin(commands::run::run(config, &Showing::logged(stages))).await,
        Command::Status(status) if status.check => Ok(commands::status::check(config).await),
        Command::Status(status) => commands::status::run(config, status).await,
        Command::History(history) => commands::history::run(config, history).await,
        Command::Ack(ack) => commands::ack::run(config, ack).await,
        Command::Silence(silence) => commands::silence::run(config, silence).await,
        Command::Routes(routes) => commands::routes::run(config, routes).await,
        Command::Jobs(jobs) => commands::jobs::run(config, jobs).await,
        Command::Prune(prune) => commands::prune::run(config, prune).await,
        Command::Config(ConfigCommand::Check) => commands::config_check::run(config),
        Command::Mail(MailCommand::Test(test)) => commands::mail_test::run(config, test).await,
        Command::Outbox(outbox) => commands::outbox::run(config, outbox).await,
        Command::Templates(templates) => commands::templates::run(config, templates).await,
    }
}
