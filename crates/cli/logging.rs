//! Sets up what the program tells on standard error while it works.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{FmtSpan, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::log_field::write_field;
use crate::screen::Screen;
use crate::stages::Stages;

/// Tells warnings and errors, more with each `--verbose`, less with `--quiet`. `RUST_LOG` overrides
/// all of them. Where details are told, what is given back notes how long the stages of a cycle take; at
/// the highest level each span is told with its time too.
pub fn start(verbose: u8, quiet: bool, screen: Screen) -> Stages {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "warn,vigie=info,vigie_scanner=info,vigie_notify=info,vigie_store=info",
        (false, 2) => "warn,vigie=debug,vigie_scanner=debug,vigie_notify=debug,vigie_store=debug",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // At lower levels it tells the addresses that it asks for, and who knows one can use it.
    let quiet = ["ureq=warn", "ureq_proto=warn"].map(str::parse);
    let filter = quiet
        .into_iter()
        .flatten()
        .fold(filter, EnvFilter::add_directive);
    let stages = Stages::default();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(screen)
        .fmt_fields(debug_fn(write_field).delimited(" "))
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .with_span_events(if verbose > 2 {
            FmtSpan::CLOSE
        } else {
            FmtSpan::NONE
        });
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(stages.clone())
        .init();
    stages
}
